package ivr

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"
)

var (
	idRule     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	headerRule = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	skillRule  = regexp.MustCompile(`^[A-Za-z0-9\p{L}][A-Za-z0-9\p{L}_-]{0,63}$`)
)

// kindKeys are the keys of each kind of node, beside type, label and note.
var kindKeys = map[Kind][]string{
	KindSay:       {"text", "every_language", "barge_in", "next"},
	KindPlay:      {"sound", "barge_in", "next"},
	KindAsk:       {"text", "every_language", "sound", "barge_in", "choices", "digits", "timeout", "key_timeout", "terminator", "retries", "invalid", "no_input", "save", "sensitive", "next", "failed"},
	KindBranch:    {"cases", "otherwise"},
	KindSet:       {"set", "next"},
	KindLanguage:  {"language", "expression", "next"},
	KindHours:     {"calendar", "open", "closed"},
	KindHTTP:      {"method", "url", "headers", "body", "timeout", "retries", "save", "status", "next", "failed"},
	KindQueue:     {"text", "queue", "skills", "priority", "music", "announce", "max_wait", "overflow", "next", "failed"},
	KindTransfer:  {"text", "to", "timeout", "next", "failed"},
	KindVoicemail: {"text", "mailbox", "max", "silence", "beep", "next"},
	KindEcho:      {"max", "next"},
	KindTone:      {"hertz", "level", "max", "next"},
	KindEnd:       {"text"},
}

// readNode reads one node. It never returns nil.
func (c *checker) readNode(p pair) *Node {
	n := &Node{Name: p.key, Line: p.at.line, column: p.at.column}
	if p.value.shape != mapping {
		c.fail(p.value, p.path, say("want_node_map", "a node is a map, not %s", "found", p.value), "type: say", "text: …", "next: …")
		return n
	}
	kinds := make([]string, len(Kinds))
	for i, k := range Kinds {
		kinds[i] = string(k)
	}
	t := p.value.get("type")
	if t == nil {
		c.fail(p.at, join(p.path, "type"), say("missing", "%q is missing", "key", "type"), kinds...)
		return n
	}
	n.Kind = Kind(c.oneOf(t, join(p.path, "type"), kinds...))
	if n.Kind == "" {
		return n
	}
	keys := append([]string{"type", "label"}, kindKeys[n.Kind]...)
	c.mapping(p.value, p.path, keys)
	d, path := p.value, p.path
	if l := d.get("label"); l != nil {
		n.Label = c.byLanguage(l, join(path, "label"), false)
	}
	n.Text = c.wordings(d.get("text"), join(path, "text"))
	n.EveryLanguage = c.boolean(d.get("every_language"), join(path, "every_language"), false)
	n.BargeIn = c.boolean(d.get("barge_in"), join(path, "barge_in"), true)
	n.Next = c.node(n.Name, d.get("next"), join(path, "next"))
	n.Failed = c.node(n.Name, d.get("failed"), join(path, "failed"))
	c.readKind(n, d, path)
	c.nextMissing(n, d, path)
	return n
}

func (c *checker) readKind(n *Node, d *doc, path string) {
	switch n.Kind {
	case KindSay:
		if d.get("text") == nil {
			c.fail(d, join(path, "text"), say("missing", "%q is missing", "key", "text"))
		}
	case KindPlay:
		c.required(d, "sound", path)
		n.Sound = c.matching(d.get("sound"), join(path, "sound"), soundRule, "no_sound")
	case KindAsk:
		c.readAsk(n, d, path)
	case KindBranch:
		c.readBranch(n, d, path)
	case KindSet:
		c.readSet(n, d, path)
	case KindLanguage:
		c.readLanguage(n, d, path)
	case KindHours:
		n.Hours = &Hours{Calendar: c.required(d, "calendar", path)}
		n.Hours.Open = c.way(n, d, "open", path)
		n.Hours.Closed = c.way(n, d, "closed", path)
	case KindHTTP:
		c.readHTTP(n, d, path)
	case KindQueue:
		c.readQueue(n, d, path)
	case KindTransfer:
		c.readTransfer(n, d, path)
	case KindVoicemail:
		n.Voicemail = &Voicemail{
			Max:     c.duration(d.get("max"), join(path, "max"), time.Second, 30*time.Minute, 2*time.Minute),
			Silence: c.duration(d.get("silence"), join(path, "silence"), 0, time.Minute, 5*time.Second),
			Beep:    c.boolean(d.get("beep"), join(path, "beep"), true),
		}
		n.Voicemail.Mailbox, _ = c.text(d.get("mailbox"), join(path, "mailbox"))
	case KindEcho, KindTone:
		n.Max = c.duration(d.get("max"), join(path, "max"), time.Second, time.Hour, 5*time.Minute)
		n.Hertz = c.float(d.get("hertz"), join(path, "hertz"), 20, 3400, 1004)
		n.Level = c.float(d.get("level"), join(path, "level"), -60, 0, -16)
	}
}

// nextMissing warns where a flow ends because nothing was written.
func (c *checker) nextMissing(n *Node, d *doc, path string) {
	switch n.Kind {
	case KindSay, KindPlay, KindSet, KindLanguage, KindHTTP, KindVoicemail, KindEcho, KindTone:
	case KindAsk:
		if n.Ask != nil && len(n.Ask.Choices) > 0 {
			return
		}
	default:
		return
	}
	if d.get("next") == nil {
		c.warn(d, join(path, "next"), say("ends_here", `the flow ends here; write "next", or lead to an end node to say so`))
	}
}

// way is the name of a node that must be given.
func (c *checker) way(n *Node, d *doc, key, path string) string {
	v := d.get(key)
	if v == nil {
		c.fail(d, join(path, key), say("missing_way", "%q is missing: the node to go on with", "key", key))
		return ""
	}
	return c.node(n.Name, v, join(path, key))
}

func (c *checker) readAsk(n *Node, d *doc, path string) {
	a := &Ask{
		Timeout:    c.duration(d.get("timeout"), join(path, "timeout"), 500*time.Millisecond, time.Minute, 6*time.Second),
		KeyTimeout: c.duration(d.get("key_timeout"), join(path, "key_timeout"), 500*time.Millisecond, 30*time.Second, 3*time.Second),
		Retries:    c.number(d.get("retries"), join(path, "retries"), 0, 10, 2),
		Invalid:    c.wordings(d.get("invalid"), join(path, "invalid")),
		Silent:     c.wordings(d.get("no_input"), join(path, "no_input")),
	}
	n.Ask = a
	a.Sensitive = c.boolean(d.get("sensitive"), join(path, "sensitive"), false)
	a.Save, _ = c.text(d.get("save"), join(path, "save"))
	n.Sound = c.matching(d.get("sound"), join(path, "sound"), soundRule, "no_sound")
	if t := d.get("terminator"); t != nil {
		a.Terminator = c.oneOf(t, join(path, "terminator"), "#", "none")
		if a.Terminator == "none" {
			a.Terminator = ""
		}
	}
	choices, digits := d.get("choices"), d.get("digits")
	switch {
	case choices != nil && digits != nil:
		c.fail(digits, join(path, "digits"), say("exclusive", "%q and %q exclude each other", "one", "digits", "other", "choices"))
	case choices != nil && a.Sensitive:
		c.fail(d.get("sensitive"), join(path, "sensitive"), say("exclusive", "%q and %q exclude each other", "one", "sensitive", "other", "choices"))
	case choices != nil:
		c.readChoices(n, choices, join(path, "choices"))
	case digits != nil:
		a.Digits = true
		c.readDigits(a, d, digits, join(path, "digits"))
	default:
		c.fail(d, path, say("ask_needs", `an ask node needs "choices" (a menu) or "digits" (a number)`), "choices", "digits")
	}
	if d.get("text") == nil && n.Sound == "" {
		c.warn(d, join(path, "text"), say("silent_ask", "nothing is said before waiting for keys"))
	}
}

// readDigits reads `digits: 6` or `digits: {min: 4, max: 12}`.
func (c *checker) readDigits(a *Ask, d, digits *doc, path string) {
	if digits.shape == scalar {
		a.Max = c.number(digits, path, 1, 32, 1)
		a.Min = a.Max
		return
	}
	if !c.mapping(digits, path, []string{"min", "max"}) {
		return
	}
	a.Min = c.number(digits.get("min"), join(path, "min"), 0, 32, 1)
	a.Max = c.number(digits.get("max"), join(path, "max"), 1, 32, 32)
	if a.Min > a.Max {
		c.fail(digits, path, say("min_over_max", "min %d is more than max %d", "min", a.Min, "max", a.Max))
	}
	if a.Min != a.Max && d.get("terminator") == nil {
		a.Terminator = "#"
	}
}

func (c *checker) readChoices(n *Node, d *doc, path string) {
	if !c.mapping(d, path, nil) {
		return
	}
	if len(d.pairs) == 0 {
		c.fail(d, path, say("no_choice", "there is no choice"))
	}
	for _, p := range d.pairs {
		ch := Choice{Keys: p.key}
		if !keysRule.MatchString(p.key) || strings.HasPrefix(p.key, "*0") {
			c.fail(p.at, p.path, say("bad_choice", "%q is no choice of keys", "name", p.key), "1 to 8 of 0-9 * #, not *0")
		}
		target := p.value
		if p.value.shape == mapping {
			c.mapping(p.value, p.path, []string{"next", "label"})
			if l := p.value.get("label"); l != nil {
				ch.Label = c.byLanguage(l, join(p.path, "label"), false)
			}
			if target = p.value.get("next"); target == nil {
				c.fail(p.value, join(p.path, "next"), say("missing_way", "%q is missing: the node to go on with", "key", "next"))
				continue
			}
		}
		if ch.Next = c.node(n.Name, target, p.path); ch.Next != "" && p.key == "0" {
			c.targets[len(c.targets)-1].human = true
		}
		n.Ask.Max = max(n.Ask.Max, len(p.key))
		n.Ask.Choices = append(n.Ask.Choices, ch)
	}
	n.Ask.Min = 1
}

func (c *checker) readBranch(n *Node, d *doc, path string) {
	n.Next = c.way(n, d, "otherwise", path)
	cases := d.get("cases")
	if cases == nil || cases.shape != list || len(cases.items) == 0 {
		c.fail(d, join(path, "cases"), say("want_cases", "must be a list of cases"), "- if: EXPRESSION", "  next: NODE")
		return
	}
	for i, item := range cases.items {
		at := fmt.Sprintf("%s[%d]", join(path, "cases"), i)
		if !c.mapping(item, at, []string{"if", "next"}) {
			continue
		}
		k := Case{Text: c.required(item, "if", at)}
		k.If = c.expression(item.get("if"), join(at, "if"), true)
		k.Next = c.way(n, item, "next", at)
		n.Cases = append(n.Cases, k)
	}
}

func (c *checker) readSet(n *Node, d *doc, path string) {
	s := d.get("set")
	if s == nil {
		c.fail(d, join(path, "set"), say("missing_set", "%q is missing: a map of variables and expressions", "key", "set"))
		return
	}
	if !c.mapping(s, join(path, "set"), nil) {
		return
	}
	for _, p := range s.pairs {
		n.Set = append(n.Set, Assign{Name: p.key, Value: c.expression(p.value, p.path, false)})
	}
}

func (c *checker) readLanguage(n *Node, d *doc, path string) {
	if e := d.get("expression"); e != nil {
		n.LangExpr = c.expression(e, join(path, "expression"), false)
		if d.get("language") != nil {
			c.fail(e, join(path, "expression"), say("exclusive", "%q and %q exclude each other", "one", "language", "other", "expression"))
		}
		return
	}
	c.required(d, "language", path)
	n.Language = c.oneOf(d.get("language"), join(path, "language"), c.flow.Languages...)
}

func (c *checker) readHTTP(n *Node, d *doc, path string) {
	h := &HTTP{
		Method:  "GET",
		Headers: map[string]string{},
		Timeout: c.duration(d.get("timeout"), join(path, "timeout"), 100*time.Millisecond, 30*time.Second, 5*time.Second),
		Retries: c.number(d.get("retries"), join(path, "retries"), 0, 5, 0),
		Save:    map[string]jp.Expr{},
	}
	n.HTTP = h
	if m := d.get("method"); m != nil {
		h.Method = c.oneOf(m, join(path, "method"), "GET", "POST", "PUT", "PATCH", "DELETE")
	}
	h.Status, _ = c.text(d.get("status"), join(path, "status"))
	h.URL = c.required(d, "url", path)
	if u := d.get("url"); u != nil && u.shape == scalar {
		c.template(u, join(path, "url"))
		parsed, err := url.Parse(expand(h.URL, nil, func(piece, any) string { return "x" }))
		if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
			c.fail(u, join(path, "url"), say("no_address", "%s is no address of a server", "found", u), "http://…", "https://…")
		} else if host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(h.URL, "https://"), "http://"), "/"); strings.Contains(host, "{") {
			c.fail(u, join(path, "url"), say("variable_host", "the host must be written out: a caller must not choose it"))
		}
	}
	if hs := d.get("headers"); hs != nil && c.mapping(hs, join(path, "headers"), nil) {
		for _, p := range hs.pairs {
			if !headerRule.MatchString(p.key) {
				c.fail(p.at, p.path, say("no_header", "%q is no name of a header", "name", p.key))
			}
			if s, ok := c.text(p.value, p.path); ok {
				c.template(p.value, p.path)
				h.Headers[p.key] = s
			}
		}
	}
	if b := d.get("body"); b != nil {
		if b.shape == scalar {
			c.fail(b, join(path, "body"), say("want_json", "must be a map or a list, which is sent as JSON, not %s", "found", b))
		}
		c.templates(b, join(path, "body"))
		h.Body = b.plain()
	}
	c.readSave(h, d.get("save"), join(path, "save"))
}

func (c *checker) readSave(h *HTTP, d *doc, path string) {
	if d == nil || !c.mapping(d, path, nil) {
		return
	}
	for _, p := range d.pairs {
		s, ok := c.text(p.value, p.path)
		if !ok {
			continue
		}
		x, err := jp.ParseString(s)
		if err != nil || s == "" {
			c.fail(p.value, p.path, say("no_json_path", "%s is no JSON path", "found", p.value), "such as $.order.status")
			continue
		}
		h.Save[p.key] = x
	}
}

// templates checks the placeholders of every text in a piece of the document;
// sensitive variables may be among them.
func (c *checker) templates(d *doc, path string) {
	if d.shape == scalar {
		c.placeholders(d, path)
	}
	for _, p := range d.pairs {
		c.templates(p.value, join(path, p.key))
	}
	for i, item := range d.items {
		c.templates(item, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (c *checker) readQueue(n *Node, d *doc, path string) {
	q := &Queue{
		Queue:    c.required(d, "queue", path),
		Priority: c.number(d.get("priority"), join(path, "priority"), -1000, 1000, 0),
		Music:    c.matching(d.get("music"), join(path, "music"), soundRule, "no_sound"),
		MaxWait:  c.duration(d.get("max_wait"), join(path, "max_wait"), 0, 24*time.Hour, 0),
		Overflow: c.node(n.Name, d.get("overflow"), join(path, "overflow")),
	}
	n.Queue = q
	if s := d.get("skills"); s != nil && c.mapping(s, join(path, "skills"), nil) {
		q.Skills = make(map[string]int, len(s.pairs))
		for _, p := range s.pairs {
			if !skillRule.MatchString(p.key) {
				c.fail(p.at, p.path, say("no_skill", "%q is no name of a skill", "name", p.key))
			}
			q.Skills[p.key] = c.number(p.value, p.path, 1, 5, 1)
		}
	}
	if a := d.get("announce"); a != nil && c.mapping(a, join(path, "announce"), []string{"position", "expected_wait", "repeat"}) {
		at := join(path, "announce")
		q.Announce = &Announce{
			Position:     c.boolean(a.get("position"), join(at, "position"), true),
			ExpectedWait: c.boolean(a.get("expected_wait"), join(at, "expected_wait"), false),
			Repeat:       c.duration(a.get("repeat"), join(at, "repeat"), 5*time.Second, time.Hour, time.Minute),
		}
	}
}

func (c *checker) readTransfer(n *Node, d *doc, path string) {
	t := &Transfer{Timeout: c.duration(d.get("timeout"), join(path, "timeout"), time.Second, 5*time.Minute, 30*time.Second)}
	n.Transfer = t
	to := d.get("to")
	kinds := []string{"queue", "flow", "agent", "number"}
	if to == nil {
		c.fail(d, join(path, "to"), say("missing_to", "%q is missing: a map with one of the keys", "key", "to"), kinds...)
		return
	}
	if !c.mapping(to, join(path, "to"), kinds) {
		return
	}
	if len(to.pairs) != 1 {
		c.fail(to, join(path, "to"), say("many_targets", "names %d targets instead of one", "n", len(to.pairs)), kinds...)
		return
	}
	t.Kind = to.pairs[0].key
	t.Target = c.required(to, t.Kind, join(path, "to"))
	c.template(to.pairs[0].value, join(join(path, "to"), t.Kind))
}

// scalar turns a plain word into a value as YAML means it.
func (d *doc) scalar() any {
	switch {
	case d.quoted:
		return d.text
	case d.text == "true" || d.text == "false":
		return d.text == "true"
	case d.number:
		if f, err := strconv.ParseFloat(d.text, 64); err == nil {
			return f
		}
	}
	return d.text
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
