package entity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	update = flag.Bool("update", false, "train the taggers of products and write goods/*.model anew")
	folds  = flag.Bool("folds", false, "cross-validate the taggers of products, with the products of a part unknown to it")
)

// goodsRow is a text with the places of the products that it names.
type goodsRow struct {
	text string
	at   []span
}

// marked reads a line in which brackets stand around the products.
func marked(line string) (r goodsRow) {
	var b strings.Builder
	for i, piece := range strings.FieldsFunc(line, func(c rune) bool { return c == '[' || c == ']' }) {
		if odd := i%2 == 1; odd != strings.HasPrefix(line, "[") {
			r.at = append(r.at, span{b.Len(), b.Len() + len(piece)})
		}
		b.WriteString(piece)
	}
	r.text = b.String()
	return r
}

// with puts other names where the products stand.
func (r goodsRow) with(name func() string) (out goodsRow) {
	var b strings.Builder
	at := 0
	for _, p := range r.at {
		b.WriteString(r.text[at:p.from])
		n := name()
		out.at = append(out.at, span{b.Len(), b.Len() + len(n)})
		b.WriteString(n)
		at = p.to
	}
	b.WriteString(r.text[at:])
	out.text = b.String()
	return out
}

// then is a row with another one behind it.
func (r goodsRow) then(joint string, next goodsRow) goodsRow {
	shift := len(r.text) + len(joint)
	out := goodsRow{text: r.text + joint + next.text, at: slices.Clone(r.at)}
	for _, p := range next.at {
		out.at = append(out.at, span{p.from + shift, p.to + shift})
	}
	return out
}

func goodsLines(t testing.TB, path string) []string {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

func goodsRows(t testing.TB, path string) []goodsRow {
	var out []goodsRow
	for _, line := range goodsLines(t, path) {
		out = append(out, marked(line))
	}
	return out
}

// taught is a row as the tagger sees it, with the tags that are right.
type taught struct {
	list   []token
	want   []uint8
	places [][]int // of the features of each token
}

func teach(lang string, r goodsRow, lists bool) taught {
	s := look(r.text, Options{Language: lang})
	out := taught{list: s.tokens()}
	if lists {
		listed(out.list, s.listedGoods())
	}
	out.want = make([]uint8, len(out.list))
	for i, tok := range out.list {
		from, to := s.view.place(tok.from, tok.to)
		for _, p := range r.at {
			switch {
			case from == p.from:
				out.want[i] = begins
			case from > p.from && to <= p.to:
				out.want[i] = inside
			}
		}
	}
	return out
}

// perceptron sums weights and how long each stood, so that their mean is exact.
// Features have places in the order in which they come.
type perceptron struct {
	place                map[uint32]int
	weights, sums, since [][tags]int64
	step                 int64
}

func (p *perceptron) at(f uint32) int {
	i, ok := p.place[f]
	if !ok {
		i = len(p.place)
		p.place[f] = i
		p.weights, p.sums, p.since = append(p.weights, [tags]int64{}), append(p.sums, [tags]int64{}), append(p.since, [tags]int64{})
	}
	return i
}

func (p *perceptron) change(i int, tag uint8, by int64) {
	p.sums[i][tag] += p.weights[i][tag] * (p.step - p.since[i][tag])
	p.since[i][tag] = p.step
	p.weights[i][tag] += by
}

// goodsTable writes weights as a model, without those that are next to nothing,
// and the words that are known.
func goodsTable(weights map[uint32]*[tags]int64, known map[uint32]bool, least int8) goodsModel {
	for w, yes := range known {
		if yes && weights[w] == nil {
			weights[w] = new([tags]int64)
		}
	}
	top := int64(1)
	for _, w := range weights {
		for _, v := range w {
			top = max(top, v, -v)
		}
	}
	var b []byte
	for _, f := range slices.Sorted(maps.Keys(weights)) {
		var row [tags]byte
		zero := !known[f]
		for t, v := range weights[f] {
			n := int8(v * 127 / top)
			row[t] = byte(n)
			zero = zero && n <= least && n >= -least
		}
		if !zero {
			b = append(binary.BigEndian.AppendUint32(b, f), row[:]...)
		}
	}
	return goodsModel(b)
}

// trainGoods learns from rows, of which those with products are read with other
// names as well.
func trainGoods(lang string, rows []goodsRow, names, common []string) goodsModel {
	known := map[uint32]bool{}
	for _, w := range common {
		known[wordFeature(hashed(w))] = true
	}
	seen := map[uint32]int{}
	for _, r := range rows {
		one := teach(lang, r, false)
		for i, tok := range one.list {
			if one.want[i] == outside {
				seen[wordFeature(tok.form)]++
			}
		}
	}
	for w, n := range seen {
		known[w] = known[w] || n > 1 // what is said once stands for what was never heard
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	name := func() string { return names[rnd.IntN(len(names))] }
	joint := map[string][]string{"en": {", ", ". ", " and ", " "}, "zh": {",", "，", "。", " "}, "ja": {"、", "。", " "}}[lang]
	other := func() goodsRow { return rows[rnd.IntN(len(rows))] }
	var all []taught
	for _, r := range rows {
		all = append(all, teach(lang, r, true))
		times := 5
		if len(r.at) == 0 {
			times = 0
		}
		for range times {
			n := r.with(name)
			switch rnd.IntN(4) {
			case 0:
				n = n.then(joint[rnd.IntN(len(joint))], other().with(name))
			case 1:
				n = other().with(name).then(joint[rnd.IntN(len(joint))], n)
			}
			all = append(all, teach(lang, n, rnd.IntN(2) == 0))
		}
	}
	for _, r := range all {
		estrange(r.list, func(f uint32) bool { return known[f] })
	}
	p := perceptron{place: map[uint32]int{}}
	for i, r := range all {
		for n := range r.list {
			var places []int
			features(r.list, n, func(f uint32) { places = append(places, p.at(f)) })
			all[i].places = append(all[i].places, places)
		}
	}
	for before := range tags + 1 {
		p.at(stepFeature(before))
	}
	for range 8 {
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, r := range all {
			p.step++
			p.learn(r)
		}
	}
	sums := map[uint32]*[tags]int64{}
	for f, i := range p.place {
		for t := range tags {
			p.change(i, uint8(t), 0)
		}
		sums[f] = &p.sums[i]
	}
	return goodsTable(sums, known, 1)
}

// learn moves the weights from the tags that were guessed to those wanted.
func (p *perceptron) learn(r taught) {
	guess := p.tag(r)
	if bytes.Equal(guess, r.want) {
		return
	}
	before := func(of []uint8, i int) int {
		if i == 0 {
			return tags
		}
		return int(of[i-1])
	}
	for i := range r.list {
		if guess[i] != r.want[i] {
			for _, f := range r.places[i] {
				p.change(f, r.want[i], 1)
				p.change(f, guess[i], -1)
			}
		}
		if guess[i] != r.want[i] || before(guess, i) != before(r.want, i) {
			p.change(p.at(stepFeature(before(r.want, i))), r.want[i], 1)
			p.change(p.at(stepFeature(before(guess, i))), guess[i], -1)
		}
	}
}

// tag decodes with the weights as they are.
func (p *perceptron) tag(r taught) []uint8 {
	own := make([][tags]int, len(r.list))
	for i, places := range r.places {
		for _, f := range places {
			for t, w := range p.weights[f] {
				own[i][t] += int(w)
			}
		}
	}
	var step [tags + 1][tags]int
	for before := range step {
		for t, w := range p.weights[p.at(stepFeature(before))] {
			step[before][t] = int(w)
		}
	}
	return decode(own, step)
}

func goodsNames(t testing.TB, lang string, rows []goodsRow) []string {
	names := strings.Split(strings.Join(goodsLines(t, filepath.Join("goods", lang+".names.txt")), ", "), ", ")
	for _, r := range rows {
		for _, p := range r.at {
			names = append(names, r.text[p.from:p.to])
		}
	}
	return names
}

// goodsCommon are English words that are in no product's name.
func goodsCommon(t testing.TB, lang string) []string {
	if lang != "en" {
		return nil
	}
	return strings.Split(strings.Join(goodsLines(t, filepath.Join("goods", "en.words.txt")), " "), " ")
}

// goodsFigures counts products found and missed.
type goodsFigures struct{ right, wanted, found, none, quiet int }

func (f *goodsFigures) count(r goodsRow, found []span) {
	f.wanted += len(r.at)
	f.found += len(found)
	for _, p := range found {
		if slices.Contains(r.at, p) {
			f.right++
		}
	}
	if len(r.at) == 0 {
		f.none++
		if len(found) == 0 {
			f.quiet++
		}
	}
}

func found(lang, text string, opt Options) (out []span) {
	opt.Language = lang
	for _, e := range Extract(text, opt) {
		if e.Kind == Product {
			out = append(out, span{e.Start, e.End})
		}
	}
	return out
}

// TestGoodsModels holds that the weights were made of the rows as they are, by
// a sum over the files; training takes seconds and is done with -update.
func TestGoodsModels(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("goods", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(raw)
	}
	sum, path := hex.EncodeToString(h.Sum(nil))+"\n", filepath.Join("goods", "rows.sum")
	if !*update {
		if raw, err := os.ReadFile(path); err != nil || string(raw) != sum {
			t.Errorf("goods/*.model are not of these rows: run go test ./bot/entity -run GoodsModels -update (%v)", err)
		}
		return
	}
	for _, lang := range []string{"zh", "en", "ja"} {
		rows := slices.Concat(goodsRows(t, filepath.Join("goods", lang+".txt")), goodsRows(t, filepath.Join("goods", lang+".none.txt")))
		model := trainGoods(lang, rows, goodsNames(t, lang, rows), goodsCommon(t, lang))
		if err := os.WriteFile(filepath.Join("goods", lang+".model"), []byte(model), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d features", lang, len(model)/goodsRecord)
	}
	if err := os.WriteFile(path, []byte(sum), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestGoodsHeldOut finds the products of rows that were written before the rows
// to train on, and none in rows without.
func TestGoodsHeldOut(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"zh", "en", "ja"} {
		var lists, with goodsFigures
		for _, r := range goodsRows(t, filepath.Join("testdata", "goods", lang+".txt")) {
			lists.count(r, found(lang, r.text, Options{}))
			got := found(lang, r.text, Options{Goods: true, Wanted: []Kind{Product}})
			with.count(r, got)
		}
		if 100*with.right < 80*with.wanted || 100*with.right < 80*with.found || 100*with.quiet < 90*with.none {
			t.Errorf("%s: less than 80 %% of the products, or of what was found, is right, or less than 90 %% of the other rows stay without", lang)
		}
		t.Logf("%s: lists alone %+v, with the tagger %+v", lang, lists, with)
	}
}

// TestGoodsFolds trains without a fifth of the rows and without their products'
// names, and looks for these as if no list had them.
func TestGoodsFolds(t *testing.T) {
	if !*folds {
		t.Skip("takes a minute; run with -folds")
	}
	for _, lang := range []string{"zh", "en", "ja"} {
		rows := goodsRows(t, filepath.Join("goods", lang+".txt"))
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		favours := [...]int{-20, 0, 20, 40}
		var all [len(favours)]goodsFigures
		for fold := range 5 {
			var train, check []goodsRow
			unknown := map[string]bool{}
			for i, r := range rows {
				if i%5 != fold {
					train = append(train, r)
					continue
				}
				check = append(check, r)
				for _, p := range r.at {
					unknown[r.text[p.from:p.to]] = true
				}
			}
			names := slices.DeleteFunc(goodsNames(t, lang, train), func(n string) bool { return unknown[n] })
			train = append(train, goodsRows(t, filepath.Join("goods", lang+".none.txt"))...)
			model := trainGoods(lang, train, names, goodsCommon(t, lang))
			for i, favour := range favours {
				for _, r := range check {
					one := teach(lang, r, false)
					s := look(r.text, Options{Language: lang})
					var got []span
					for _, at := range named(one.list, model.tag(one.list, favour)) {
						from, to := s.view.place(at.from, at.to)
						got = append(got, span{from, to})
					}
					all[i].count(r, got)
				}
			}
		}
		for i, favour := range favours {
			t.Logf("%s, favour %d: %+v", lang, favour, all[i])
		}
	}
}
