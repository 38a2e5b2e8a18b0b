package journey

import "github.com/openhotline/hotline/internal/call"

// lonely tells whether nobody talks with a customer whose agent's sound is lost,
// and no hold, flow or consultation gives them music instead.
func (v *conversation) lonely() bool {
	s := v.talking
	if s == nil || s.state != lost || v.gone || v.holding || v.errand != nil || v.consult != nil && v.consult.apart() {
		return false
	}
	for _, m := range v.members() {
		if m.state == talking {
			return false
		}
	}
	for _, x := range v.outsiders {
		if x.joined {
			return false
		}
	}
	for _, o := range v.supervisors {
		if o.mode == call.Barge && o.heard() {
			return false
		}
	}
	return true
}

// settleComfort tells a customer whom nobody talks to that the agent will be back,
// and ends that as soon as somebody is there.
func (v *conversation) settleComfort() {
	switch {
	case v.gone:
	case v.lonely():
		v.comfort()
	case v.comforted && v.holding:
		v.comforted = false // the music has taken its place
	case v.comforted:
		v.release()
	}
}

// comfort plays the comfort prompt, unless somebody is there once it is made.
func (v *conversation) comfort() {
	lang := v.book.conv.Language
	v.center.work.Go(func() {
		prompts := v.center.comfort(v.ctx, lang)
		v.post(func() {
			if v.lonely() {
				v.must(v.call.Comfort(prompts...))
				v.comforted = true
			}
		})
	})
}

// release ends hold and comfort in the room; the music of who waits for another
// reason ends with them, so that the room is seated anew.
func (v *conversation) release() {
	v.must(v.call.Resume())
	v.holding, v.comforted, v.seated = false, false, ""
}
