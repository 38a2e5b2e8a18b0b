package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/openhotline/hotline/internal/i18n"
)

// escapeKey and escapeKeys ask for a human; the latter where digits are typed.
const (
	escapeKey  = "0"
	escapeKeys = "*0"
)

// do runs a node that keeps the conversation in the flow.
func (x *run) do(ctx context.Context, n *Node) (next string, err error) {
	switch n.Kind {
	case KindSay, KindPlay:
		return n.Next, x.play(ctx, x.prompts(n), PlayOptions{BargeIn: n.BargeIn, Escape: escapeKey})
	case KindAsk:
		return x.ask(ctx, n)
	case KindBranch:
		return x.branch(ctx, n)
	case KindSet:
		for _, a := range n.Set {
			x.vars[a.Name] = x.eval(a.Value, a.Name)
		}
		return n.Next, nil
	case KindLanguage:
		return n.Next, x.changeLanguage(ctx, n)
	case KindHours:
		return x.hours(ctx, n)
	case KindHTTP:
		return x.lookUp(ctx, n)
	case KindVoicemail:
		return n.Next, x.voicemail(ctx, n.Text, *n.Voicemail)
	case KindEcho:
		return n.Next, x.meanwhile(ctx, n.Max, KeySpec{Escape: escapeKey}, x.s.Echo)
	case KindTone:
		return n.Next, x.meanwhile(ctx, n.Max, KeySpec{Escape: escapeKey}, func(ctx context.Context) error {
			return x.s.Tone(ctx, n.Hertz, n.Level)
		})
	case KindEnd:
		if n.Text != nil {
			if err := x.play(ctx, x.prompts(n), PlayOptions{Escape: escapeKey}); err != nil {
				return "", err
			}
		}
		return "", nil
	}
	return "", fmt.Errorf("node %s: kind %q: %w", n.Name, n.Kind, ErrBroken)
}

// play plays prompts; errHuman when the customer wants one.
func (x *run) play(ctx context.Context, prompts []Prompt, opt PlayOptions) error {
	if len(prompts) == 0 {
		return nil
	}
	played, err := x.s.Play(ctx, prompts, opt)
	if err == nil && played.Escaped {
		return errHuman
	}
	return err
}

// system plays a prompt of the catalogue.
func (x *run) system(ctx context.Context, name string) error {
	return x.play(ctx, []Prompt{System(x.language, name, nil)}, PlayOptions{BargeIn: true, Escape: escapeKey})
}

// prompts returns what a node says.
func (x *run) prompts(n *Node) []Prompt {
	if n.Sound != "" {
		return []Prompt{{Sound: n.Sound, Language: x.language}}
	}
	if !n.EveryLanguage || n.Text == nil {
		return x.wording(n.Text)
	}
	var out []Prompt
	for _, l := range x.flow.Languages {
		if text := (*n.Text)[l]; text != "" {
			out = append(out, Prompt{Text: x.fillText(l, text), Language: l})
		}
	}
	return out
}

// wording is a text in the conversation's language with its variables.
func (x *run) wording(t *Texts) []Prompt {
	if t == nil {
		return nil
	}
	language, text := t.pick(x.language, x.flow)
	text = x.fillText(language, text)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return []Prompt{{Text: text, Language: language}}
}

// fillText puts the variables into a text, as they are said in its language.
func (x *run) fillText(language, text string) string {
	return expand(text, x.vars, func(p piece, v any) string { return spoken(language, p, v) })
}

// spoken writes a value as it is said in a language.
func spoken(language string, p piece, v any) string {
	s := plain(p, v)
	switch p.format {
	case "digits":
		return i18n.Digits(language, s)
	case "number":
		return i18n.Number(language, s)
	case "money":
		return i18n.Money(language, s, p.option)
	case "date":
		return i18n.Date(language, s)
	case "time":
		return i18n.Time(language, s)
	case "duration":
		return i18n.Duration(language, s)
	}
	return s
}

// ask wants keys, with retries. When all tries failed the customer goes on at
// `failed`, or to a human. A menu's own choice 0 is the way to the human there.
func (x *run) ask(ctx context.Context, n *Node) (next string, err error) {
	if n.Ask.Sensitive {
		if err := x.s.Sensitive(ctx, true); err != nil {
			return "", err
		}
		defer func() { err = cmp.Or(err, x.s.Sensitive(context.WithoutCancel(ctx), false)) }()
	}
	next, err = x.tryAsking(ctx, n)
	i := slices.IndexFunc(n.Ask.Choices, func(c Choice) bool { return c.Keys == escapeKey })
	if errors.Is(err, errHuman) && i >= 0 && !errors.Is(err, errGaveUp) {
		next, _ = x.accept(ctx, n, Keys{Digits: escapeKey, Why: Complete})
		x.human = true
		return next, nil
	}
	return next, err
}

// errGaveUp is errHuman after all tries failed.
var errGaveUp = fmt.Errorf("after all tries: %w", errHuman)

func (x *run) tryAsking(ctx context.Context, n *Node) (next string, err error) {
	a := n.Ask
	spec := KeySpec{Min: a.Min, Max: a.Max, FirstTimeout: a.Timeout, KeyTimeout: a.KeyTimeout, Terminator: a.Terminator, Escape: escapeKey}
	if a.Digits {
		spec.Escape = escapeKeys
	}
	for _, c := range a.Choices {
		spec.Choices = append(spec.Choices, c.Keys)
	}
	for range a.Retries + 1 {
		if err := x.play(ctx, x.prompts(n), PlayOptions{BargeIn: n.BargeIn, Escape: spec.Escape}); err != nil {
			return "", err
		}
		keys, err := x.s.Collect(ctx, spec)
		if err != nil {
			return "", err
		}
		if keys.Why == Escaped {
			return "", errHuman
		}
		if next, ok := x.accept(ctx, n, keys); ok {
			return next, nil
		}
		if err := x.complain(ctx, a, keys.Why, spec.Escape); err != nil {
			return "", err
		}
	}
	x.choose(ctx, "failed", "")
	if n.Failed != "" {
		return n.Failed, nil
	}
	if err := x.system(ctx, "too_many_tries"); err != nil {
		return "", err
	}
	return "", errGaveUp
}

// accept takes an input that fits.
func (x *run) accept(ctx context.Context, n *Node, keys Keys) (next string, ok bool) {
	if keys.Why != Complete {
		return "", false
	}
	a := n.Ask
	if len(a.Choices) == 0 {
		if len(keys.Digits) < a.Min || len(keys.Digits) > a.Max {
			return "", false
		}
		x.save(a.Save, keys.Digits)
		if a.Sensitive && a.Save != "" {
			x.secret = append(x.secret, a.Save)
		}
		return n.Next, true
	}
	i := slices.IndexFunc(a.Choices, func(c Choice) bool { return c.Keys == keys.Digits })
	if i < 0 {
		return "", false
	}
	x.save(a.Save, keys.Digits)
	x.choose(ctx, keys.Digits, a.Choices[i].Label.In("", x.flow))
	return a.Choices[i].Next, true
}

func (x *run) save(name, value string) {
	if name != "" {
		x.vars[name] = value
	}
}

// forget drops what was sensitive: nothing outlives the way on to a person,
// another flow or the end.
func (x *run) forget() {
	for _, name := range x.secret {
		delete(x.vars, name)
	}
	x.secret = nil
}

// complain says what was wrong with an input. The next try may be typed into it:
// escape is what asks for a human then.
func (x *run) complain(ctx context.Context, a *Ask, why Why, escape string) error {
	own, complaint := a.Invalid, "not_understood"
	if why == NoInput {
		own, complaint = a.Silent, "no_input"
	}
	prompts := x.wording(own)
	if own == nil {
		prompts = []Prompt{System(x.language, complaint, nil)}
	}
	return x.play(ctx, prompts, PlayOptions{BargeIn: true, Escape: escape})
}

func (x *run) branch(ctx context.Context, n *Node) (next string, err error) {
	for _, c := range n.Cases {
		if yes, ok := x.eval(c.If, n.Name).(bool); ok && yes {
			x.choose(ctx, c.Text, "")
			return c.Next, nil
		}
	}
	x.choose(ctx, "otherwise", "")
	return n.Next, nil
}

// eval runs an expression. One that fails gives nil: texts of customers and
// servers must not break a flow.
func (x *run) eval(p *vm.Program, where string) any {
	env := make(map[string]any, len(x.vars)+1)
	for k, v := range x.vars {
		env[k] = v
	}
	env["now"] = x.cfg.Now()
	v, err := expr.Run(p, env)
	if err != nil {
		// The error quotes values: only that it happened is logged.
		x.log.Warn("expression failed", "flow", x.flow.ID, "node", x.node.Name, "of", where)
		return nil
	}
	return v
}

func (x *run) changeLanguage(ctx context.Context, n *Node) error {
	language := n.Language
	if n.LangExpr != nil {
		s, _ := x.eval(n.LangExpr, n.Name).(string)
		if s == "" {
			return nil
		}
		language = x.flow.nearest(s)
	}
	x.choose(ctx, language, "")
	return x.speak(ctx, language)
}

func (x *run) hours(ctx context.Context, n *Node) (next string, err error) {
	cal, err := x.cfg.Calendar(ctx, n.Hours.Calendar)
	if err != nil {
		// A missing calendar must not turn customers away.
		x.log.Error("calendar not found, treated as open", "flow", x.flow.ID, "node", n.Name, "calendar", n.Hours.Calendar, "error", err)
		x.choose(ctx, "open", "")
		return n.Hours.Open, nil
	}
	if cal.Open(x.cfg.Now()) {
		x.choose(ctx, "open", "")
		return n.Hours.Open, nil
	}
	x.choose(ctx, "closed", "")
	return n.Hours.Closed, nil
}

// voicemail says what to do, beeps and records.
func (x *run) voicemail(ctx context.Context, greeting *Texts, v Voicemail) error {
	prompts := x.wording(greeting)
	if greeting == nil {
		prompts = []Prompt{System(x.language, "voicemail", nil)}
	}
	if v.Beep {
		prompts = append(prompts, Prompt{Sound: "beep"})
	}
	if err := x.play(ctx, prompts, PlayOptions{Escape: escapeKey}); err != nil {
		return err
	}
	var got VoicemailResult
	err := x.meanwhile(ctx, v.Max+5*time.Second, KeySpec{Max: 1, Terminator: "#", Escape: escapeKey}, func(ctx context.Context) (err error) {
		got, err = x.s.Voicemail(ctx, VoicemailRequest{Mailbox: v.Mailbox, Max: v.Max, Silence: v.Silence})
		return err
	})
	if err != nil {
		return err
	}
	if got.RecordingID == "" {
		return x.system(ctx, "voicemail_empty")
	}
	return x.system(ctx, "voicemail_saved")
}

// Causes by which meanwhile stops the other side.
var (
	errStop = errors.New("ivr: no longer wanted")
	errTime = errors.New("ivr: time is over")
)

// meanwhile does something for at most limit while it watches the keys: the
// escape leads to a human, any other completed input ends what is done.
func (x *run) meanwhile(ctx context.Context, limit time.Duration, keys KeySpec, do func(context.Context) error) error {
	both, stop := context.WithCancelCause(ctx)
	defer stop(errStop)
	work, cancel := context.WithTimeoutCause(both, limit, errTime)
	defer cancel()
	watch := make(chan Why, 1)
	go func() {
		defer stop(errStop)
		for {
			k, err := x.s.Collect(both, keys)
			if err != nil {
				watch <- ""
				return
			}
			if keys.Max == 0 || k.Why == Escaped || k.Digits == "" { // the terminator alone
				watch <- k.Why
				return
			}
		}
	}()
	err := do(work)
	stopped := errors.Is(context.Cause(work), errStop) || errors.Is(context.Cause(work), errTime)
	stop(errStop)
	why := <-watch
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, ErrHangup) {
		return err
	}
	if why == Escaped {
		return errHuman
	}
	if err != nil && stopped {
		return nil
	}
	return err
}
