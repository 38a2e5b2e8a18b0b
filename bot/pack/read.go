package pack

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names of files inside a pack; languages have folders of their own.
const (
	settingsFile   = "pack.yaml"
	utterancesFile = "intents.yaml"
	textsFile      = "texts.yaml"
	articlesFile   = "faq.yaml"
	conceptsFile   = "concepts.yaml"
	synonymsFile   = "synonyms.yaml"
	wordsFile      = "words.yaml"
	codesFile      = "codes.yaml"
	productsFile   = "products.yaml"
	draftsFile     = "drafts.yaml"
)

var (
	tags     = []string{"zh-CN", "en", "ja"}
	nameRule = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	holes    = regexp.MustCompile(`\{([^{}]*)\}`)
)

// builder gathers a pack from its layers.
type builder struct {
	pack     *Pack
	intents  map[string]*Intent
	problems Problems
	taught   []taught
	draft    bool // an article without an answer is left out
}

func newBuilder(name, language string) *builder {
	return &builder{
		pack:    &Pack{Name: name, Language: language, Title: map[string]string{}, Ask: map[string]string{}, Dialogue: map[string][]string{}, Concepts: map[string][]string{}, Synonyms: map[string][]string{}, Words: map[string][]string{}, Codes: map[string]Code{}},
		intents: map[string]*Intent{},
	}
}

// layer reads the shared files and those of the pack.
func (b *builder) layer(files fs.FS) {
	for _, dir := range []string{Shared, b.pack.Name} {
		b.file(files, dir+"/"+settingsFile, func(r reader, n *node) { b.readSettings(r, n, dir) })
		b.file(files, dir+"/"+codesFile, b.readCodes)
	}
	for _, dir := range []string{Shared, b.pack.Name} {
		lang := dir + "/" + b.pack.Language + "/"
		b.file(files, lang+utterancesFile, b.readUtterances)
		b.file(files, lang+textsFile, b.readTexts)
		b.file(files, lang+articlesFile, b.readArticles)
		b.draft = true
		b.file(files, lang+draftsFile, b.readArticles)
		b.draft = false
		b.file(files, lang+conceptsFile, func(r reader, n *node) { b.readConcepts(r, n, b.pack.Concepts) })
		b.file(files, lang+synonymsFile, func(r reader, n *node) { b.readConcepts(r, n, b.pack.Synonyms) })
		b.file(files, lang+wordsFile, b.readWords)
		b.file(files, lang+productsFile, b.readProducts)
	}
}

// file reads one file; a missing one adds nothing.
func (b *builder) file(files fs.FS, path string, read func(reader, *node)) {
	r := reader{path, &b.problems}
	text, err := fs.ReadFile(files, path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.fail(1, nil, "cannot be read: %v", err)
		return
	}
	n, problem := parse(path, text)
	if problem != nil {
		b.problems = append(b.problems, *problem)
		return
	}
	read(r, n)
}

// taught are the corrections of a layer that count.
type taught struct {
	file    string
	lessons Lessons
}

// corrections reads what a layer was taught: what stands after the first n lines
// of its file, or in its version that is in use.
func (b *builder) corrections(files fs.FS, n int) {
	path := b.pack.Name + "/" + b.pack.Language + "/" + LessonsFile
	text, err := fs.ReadFile(files, path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		reader{path, &b.problems}.fail(1, nil, "cannot be read: %v", err)
		return
	}
	lessons, _, problems := ParseLessons(path, text)
	if len(problems) > 0 {
		b.problems = append(b.problems, problems...)
		return
	}
	if n == inUse {
		b.pack.Version, n = lessons.Active()
	}
	b.taught = append(b.taught, taught{path, lessons.Standing(n)})
}

func (b *builder) readSettings(r reader, n *node, dir string) {
	for _, p := range r.pairs(n, "a pack", "pack", "title", "groups", "intents") {
		switch p.key {
		case "pack":
			if name := r.str(p.value, "pack"); name != dir {
				r.fail(p.line, []string{dir}, "the pack calls itself %q, its folder %q", name, dir)
			}
		case "title":
			if title := r.titles(p.value, "title"); dir != Shared {
				b.pack.Title = title
			}
		case "groups":
			b.readGroups(r, p.value)
		case "intents":
			for _, q := range r.pairs(p.value, "intents") {
				b.readIntent(r, q, dir == Shared)
			}
		}
	}
}

// titles reads a text per language tag.
func (r reader) titles(n *node, what string) map[string]string {
	out := map[string]string{}
	for _, p := range r.pairs(n, what, tags...) {
		out[p.key] = r.str(p.value, what)
	}
	return out
}

func (b *builder) readGroups(r reader, n *node) {
	for _, p := range r.pairs(n, "groups") {
		if !r.name(p, "a group") {
			continue
		}
		g := Group{ID: p.key, At: Position{r.file, p.line}}
		for _, q := range r.pairs(p.value, "a group", "title") {
			g.Title = r.titles(q.value, "title")
		}
		if i := slices.IndexFunc(b.pack.Groups, func(o Group) bool { return o.ID == g.ID }); i >= 0 {
			b.pack.Groups[i] = g
		} else {
			b.pack.Groups = append(b.pack.Groups, g)
		}
	}
}

func (r reader) name(p pair, what string) bool {
	if nameRule.MatchString(p.key) {
		return true
	}
	r.fail(p.line, []string{nameRule.String()}, "%q is no name for %s", p.key, what)
	return false
}

func (b *builder) readIntent(r reader, p pair, shared bool) {
	if !r.name(p, "an intent") {
		return
	}
	in := b.intents[p.key]
	if in == nil {
		in = &Intent{ID: p.key, Shared: shared, At: Position{r.file, p.line}}
		b.intents[p.key] = in
	}
	for _, q := range r.pairs(p.value, "an intent", "group", "required", "optional", "priority", "action", "then", "known", "remove") {
		switch q.key {
		case "group":
			in.Group = r.str(q.value, "group")
			if i := slices.IndexFunc(b.pack.Groups, func(g Group) bool { return g.ID == in.Group }); i < 0 {
				r.fail(q.line, b.groupIDs(), "the pack has no group %q", in.Group)
			}
		case "required":
			in.Required = r.slots(q, "required")
		case "optional":
			in.Optional = r.slots(q, "optional")
		case "priority":
			in.Priority = r.priority(q)
		case "action":
			in.Action = r.str(q.value, "action")
			if in.Action != "" && !nameRule.MatchString(in.Action) {
				r.fail(q.line, []string{nameRule.String()}, "%q is no name for an action", in.Action)
			}
		case "then":
			in.Then = r.str(q.value, "then")
			if allowed := []string{ThenOffer, ThenHandOver}; !slices.Contains(allowed, in.Then) {
				r.fail(q.line, allowed, "nothing is known to do %q behind an answer", in.Then)
			}
		case "known":
			in.Known = r.str(q.value, "known")
		case "remove":
			if r.yes(q) {
				delete(b.intents, p.key)
			}
		}
	}
	for _, s := range in.Required {
		if slices.Contains(in.Optional, s) {
			r.fail(p.line, nil, "slot %q of intent %q is both required and optional", s, p.key)
		}
	}
}

func (b *builder) groupIDs() []string {
	ids := make([]string, len(b.pack.Groups))
	for i, g := range b.pack.Groups {
		ids[i] = g.ID
	}
	return ids
}

func (r reader) slots(p pair, what string) []string {
	var out []string
	if p.value.kind != list && p.value.kind != empty {
		r.fail(p.line, Slots, "%s must be a list of slots, not %s", what, p.value.kind)
		return nil
	}
	for _, u := range r.strs(p.value, what) {
		switch {
		case !slices.Contains(Slots, u.Text):
			r.fail(u.At.Line, Slots, "there is no slot %q", u.Text)
		case slices.Contains(out, u.Text):
			r.fail(u.At.Line, nil, "slot %q comes twice", u.Text)
		default:
			out = append(out, u.Text)
		}
	}
	return out
}

func (r reader) priority(p pair) int {
	v, err := strconv.Atoi(r.str(p.value, p.key))
	if err != nil || v < -5 || v > 5 {
		r.fail(p.line, []string{"-5 to 5"}, "priority must be a whole number")
		return 0
	}
	return v
}

func (r reader) yes(p pair) bool {
	switch r.str(p.value, p.key) {
	case "true":
		return true
	case "false":
		return false
	}
	r.fail(p.line, []string{"true", "false"}, "%s must be true or false", p.key)
	return false
}

func (b *builder) readUtterances(r reader, n *node) {
	for _, p := range r.pairs(n, "the utterances") {
		in := b.intents[p.key]
		if in == nil {
			r.fail(p.line, b.intentIDs(), "intent %q is not declared in %s", p.key, settingsFile)
			continue
		}
		in.Utterances = append(in.Utterances, r.strs(p.value, p.key)...)
	}
}

func (b *builder) intentIDs() []string {
	var ids []string
	for id := range b.intents {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (b *builder) readTexts(r reader, n *node) {
	for _, p := range r.pairs(n, "the texts", "intents", "ask", "dialogue") {
		switch p.key {
		case "intents":
			for _, q := range r.pairs(p.value, "intents") {
				b.readIntentTexts(r, q)
			}
		case "ask":
			for _, q := range r.pairs(p.value, "ask", Slots...) {
				b.pack.Ask[q.key] = r.phrase(q)
			}
		case "dialogue":
			for _, q := range r.pairs(p.value, "dialogue", Wordings...) {
				var wordings []string
				for _, u := range r.strs(q.value, q.key) {
					r.holes(u.Text, u.At.Line)
					wordings = append(wordings, u.Text)
				}
				b.pack.Dialogue[q.key] = wordings
			}
		}
	}
}

func (b *builder) readIntentTexts(r reader, p pair) {
	in := b.intents[p.key]
	if in == nil {
		r.fail(p.line, b.intentIDs(), "intent %q is not declared in %s", p.key, settingsFile)
		return
	}
	for _, q := range r.pairs(p.value, "an intent", "label", "answer", "fallback") {
		switch q.key {
		case "label":
			in.Label = r.phrase(q)
		case "answer":
			in.Answer = r.phrase(q)
		case "fallback":
			in.Fallback = r.phrase(q)
		}
	}
}

// phrase reads a text with placeholders that must not be empty.
func (r reader) phrase(p pair) string {
	s := r.str(p.value, p.key)
	if s == "" {
		r.fail(p.line, nil, "%s is empty", p.key)
	}
	r.holes(s, p.line)
	return s
}

// holes checks the placeholders of a text.
func (r reader) holes(s string, line int) {
	for _, m := range holes.FindAllStringSubmatch(s, -1) {
		if !nameRule.MatchString(m[1]) {
			r.fail(line, []string{nameRule.String()}, "{%s} is no placeholder", m[1])
		}
	}
	if rest := holes.ReplaceAllString(s, ""); strings.ContainsAny(rest, "{}") {
		r.fail(line, nil, "a brace is not closed or not opened")
	}
}

// readConcepts reads terms, separated by commas, by the name of their concept,
// and adds them to into.
func (b *builder) readConcepts(r reader, n *node, into map[string][]string) {
	for _, p := range r.pairs(n, "the concepts") {
		if !r.name(p, "a concept") {
			continue
		}
		for term := range strings.SplitSeq(r.str(p.value, p.key), ",") {
			if term = strings.TrimSpace(term); strings.Trim(term, "*") == "" {
				r.fail(p.line, nil, "concept %q has an empty term", p.key)
			} else {
				into[p.key] = append(into[p.key], term)
			}
		}
	}
}

func (b *builder) readArticles(r reader, n *node) {
	for _, p := range r.pairs(n, "the articles", "articles") {
		if p.value.kind != list {
			r.fail(p.line, nil, "articles must be a list, not %s", p.value.kind)
			continue
		}
		seen := map[string]int{}
		for _, item := range p.value.items {
			b.readArticle(r, item, seen)
		}
	}
}

func (b *builder) readArticle(r reader, n *node, seen map[string]int) {
	a, remove := Article{At: Position{r.file, n.line}}, false
	for _, q := range r.pairs(n, "an article", "id", "intent", "question", "variants", "answer", "remove") {
		switch q.key {
		case "id":
			a.ID = r.str(q.value, "id")
			if !nameRule.MatchString(a.ID) {
				r.fail(q.line, []string{nameRule.String()}, "%q is no id for an article", a.ID)
			}
		case "intent":
			a.Intent = r.str(q.value, "intent")
			if b.intents[a.Intent] == nil {
				r.fail(q.line, b.intentIDs(), "intent %q is not declared in %s", a.Intent, settingsFile)
			}
		case "question":
			a.Question = r.str(q.value, "question")
		case "variants":
			for _, u := range r.strs(q.value, "variants") {
				a.Variants = append(a.Variants, u.Text)
			}
		case "answer":
			if !b.draft || r.str(q.value, "answer") != "" {
				a.Answer = r.phrase(q)
			}
		case "remove":
			remove = r.yes(q)
		}
	}
	if before, twice := seen[a.ID]; twice {
		r.fail(n.line, nil, "article %q comes twice, first in line %d", a.ID, before)
		return
	}
	seen[a.ID] = n.line
	if b.draft && a.Answer == "" {
		return
	}
	if !remove && (a.ID == "" || a.Question == "" || a.Answer == "") {
		r.fail(n.line, nil, "an article needs id, question and answer")
		return
	}
	b.place(a, remove)
}

// place adds, replaces or removes an article.
func (b *builder) place(a Article, remove bool) {
	i := slices.IndexFunc(b.pack.Articles, func(o Article) bool { return o.ID == a.ID })
	switch {
	case i < 0 && !remove:
		b.pack.Articles = append(b.pack.Articles, a)
	case i >= 0 && remove:
		b.pack.Articles = slices.Delete(b.pack.Articles, i, i+1)
	case i >= 0:
		b.pack.Articles[i] = a
	}
}
