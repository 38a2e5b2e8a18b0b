package sip

import (
	"strconv"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// sessionTimer keeps a session alive, or ends it when the other side has gone
// (RFC 4028).
type sessionTimer struct {
	peer      bool // the other side supports session timers
	update    bool // … and UPDATE
	interval  time.Duration
	weRefresh bool
	alarm     *alarm
	tries     int // refreshes refused since the last good one
}

func (t *sessionTimer) stop(a *alarms) {
	a.cancel(t.alarm)
	t.alarm = nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// checkTimer refuses a session interval that is too short with 422 (RFC 4028 §9),
// also in re-INVITE and UPDATE.
func (e *Endpoint) checkTimer(req *sipgo.Request) *refusal {
	v := headerValue(req, "Session-Expires")
	if v == "" {
		return nil
	}
	interval, _, err := parseSessionExpires(v)
	if err != nil {
		return &refusal{code: 400, reason: "Bad Request: Session-Expires"}
	}
	if interval < e.cfg.MinSE && hasOption(req, "Supported", "timer") {
		return (&refusal{code: 422}).with("Min-SE", seconds(e.cfg.MinSE))
	}
	return nil
}

// agreeTimer decides on the timer of a request we accept and says so in the 2xx.
func (d *Dialog) agreeTimer(req *sipgo.Request, res *sipgo.Response) {
	peer := hasOption(req, "Supported", "timer")
	theirs, refresher, err := parseSessionExpires(headerValue(req, "Session-Expires"))
	interval := d.e.cfg.SessionExpires
	switch {
	case err == nil && (interval < 0 || theirs < interval):
		interval = max(theirs, d.e.cfg.MinSE)
	case interval < 0:
		d.timer.stop(&d.alarms)
		return
	}
	if least, ok := parseSeconds(headerValue(req, "Min-SE")); ok {
		interval = max(interval, least)
	}
	if !peer {
		refresher = "uas" // it cannot do it (RFC 4028 §9)
	} else if refresher == "" {
		refresher = "uac"
	}
	d.timer.peer = peer
	res.AppendHeader(sipgo.NewHeader("Session-Expires", seconds(interval)+";refresher="+refresher))
	if refresher == "uac" {
		res.AppendHeader(sipgo.NewHeader("Require", "timer"))
	}
	d.startTimer(interval, refresher == "uas")
}

// offerTimer asks for a session timer in a request of ours.
func (d *Dialog) offerTimer(req *sipgo.Request) {
	if d.e.cfg.SessionExpires < 0 {
		return
	}
	interval := max(d.e.cfg.SessionExpires, d.out.minSE)
	v := seconds(interval)
	if d.timer.interval > 0 { // keep the roles of a running timer
		role := "uas"
		if d.timer.weRefresh {
			role = "uac"
		}
		v = seconds(max(d.timer.interval, d.out.minSE)) + ";refresher=" + role
	}
	req.AppendHeader(sipgo.NewHeader("Session-Expires", v))
	req.AppendHeader(sipgo.NewHeader("Min-SE", seconds(max(d.e.cfg.MinSE, d.out.minSE))))
}

// learnTimer takes the timer from a 2xx to a request of ours (RFC 4028 §7.2).
func (d *Dialog) learnTimer(res *sipgo.Response) {
	interval, refresher, err := parseSessionExpires(headerValue(res, "Session-Expires"))
	if err != nil {
		d.timer.stop(&d.alarms)
		d.timer.interval = 0
		return
	}
	d.startTimer(interval, refresher != "uas")
}

func (d *Dialog) startTimer(interval time.Duration, weRefresh bool) {
	d.timer.stop(&d.alarms)
	d.timer.interval, d.timer.weRefresh, d.timer.tries = interval, weRefresh, 0
	if weRefresh {
		d.timer.alarm = d.alarms.after(interval/2, d.refresh)
		return
	}
	d.timer.alarm = d.alarms.after(interval-min(32*time.Second, interval/3), d.expired)
}

// expired ends a session nobody refreshed (RFC 4028 §10).
func (d *Dialog) expired() {
	if d.isOver() {
		return
	}
	d.log.Warn("session not refreshed")
	d.bye(End{Cause: CauseExpired, Status: 200})
}

// refresh renews the session: by UPDATE where the other side allows it, else by
// re-INVITE with a description of what we want.
func (d *Dialog) refresh() {
	if d.phase != phaseTalking {
		return
	}
	if d.ours != nil || d.theirs != nil || d.unacked != nil {
		d.timer.alarm = d.alarms.after(time.Second, d.refresh)
		return
	}
	if d.timer.update {
		d.refreshByUpdate()
		return
	}
	d.startOffer(&ourOffer{describe: d.describeAgain, tries: 1, reply: func(answer []byte, err error) {
		if err == nil && len(answer) > 0 {
			if f := d.answerHandler(); f != nil {
				f(answer) // the peer may have moved
			}
		}
		d.refreshed(err)
	}})
}

// describeAgain is what a refresh says of our side.
func (d *Dialog) describeAgain() []byte {
	d.mu.Lock()
	f := d.onRefresh
	d.mu.Unlock()
	if f == nil {
		return d.localSDP
	}
	return f()
}

func (d *Dialog) refreshByUpdate() {
	d.send(d.leg, sipgo.UPDATE, func(req *sipgo.Request) {
		req.AppendHeader(d.contact())
		req.AppendHeader(sipgo.NewHeader("Supported", supported))
		d.offerTimer(req)
	}, func(res *sipgo.Response, err error) {
		switch {
		case err != nil:
			d.refreshed(err)
		case res.StatusCode < 200:
		case res.StatusCode < 300:
			d.leg.learnTarget(res)
			d.learnTimer(res)
		case res.StatusCode == 422:
			d.raiseMinSE(res)
			d.refreshed(errRetry)
		default:
			d.refreshed(statusError(res))
		}
	})
}

// refreshed judges a refresh that did not start a new interval.
func (d *Dialog) refreshed(err error) {
	if err == nil || d.isOver() {
		return
	}
	if gone(err) {
		d.bye(End{Cause: CauseExpired, Status: 200})
		return
	}
	// Refused or glare: try again, and end when the interval is nearly over.
	d.timer.stop(&d.alarms)
	d.timer.tries++
	if time.Duration(d.timer.tries)*5*time.Second > d.timer.interval/3 {
		d.expired()
		return
	}
	d.timer.alarm = d.alarms.after(5*time.Second, d.refresh)
}

// raiseMinSE takes the Min-SE of a 422; false when it cannot be met.
func (d *Dialog) raiseMinSE(res *sipgo.Response) bool {
	least, ok := parseSeconds(headerValue(res, "Min-SE"))
	if !ok || least <= d.out.minSE || least > 24*time.Hour {
		return false
	}
	d.out.minSE = least
	return true
}
