package eval

import (
	"cmp"
	"hash/fnv"
	"io"
	"slices"
	"unicode"

	"github.com/openhotline/hotline/bot/nlu"
)

// alike is from which share of common n-grams (Jaccard) two wordings count as
// near-identical: "where is my parcel" and "where is my parcel??", but not
// "where is my order".
const alike = 0.7

// clusters gives each text the number of its cluster: texts that are alike, and
// those alike to these, are in one. Numbers go up from 0 in the order of texts.
func clusters(texts []string) []int {
	sets := gramSets(texts)
	parent := make([]int, len(texts))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	// Two sets that are alike share one of their rarest grams: it is enough to
	// compare texts that do (prefix filtering; Chaudhuri, Ganti, Kaushik 2006).
	having := map[int][]int{}
	for i, set := range sets {
		prefix := set[:len(set)-int(alike*float64(len(set))+0.999999)+1]
		for _, g := range prefix {
			for _, j := range having[g] {
				if root(i) != root(j) && jaccard(set, sets[j]) >= alike {
					a, b := root(i), root(j)
					parent[max(a, b)] = min(a, b)
				}
			}
			having[g] = append(having[g], i)
		}
	}
	number, out := map[int]int{}, make([]int, len(texts))
	for i := range texts {
		r := root(i)
		if _, ok := number[r]; !ok {
			number[r] = len(number)
		}
		out[i] = number[r]
	}
	return out
}

// gramSets returns the n-grams of each text by their rank, the rarest first.
func gramSets(texts []string) [][]int {
	seen := map[string]int{}
	grams := make([][]string, len(texts))
	for i, t := range texts {
		grams[i] = gramsOf(t)
		for _, g := range grams[i] {
			seen[g]++
		}
	}
	order := make([]string, 0, len(seen))
	for g := range seen {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b string) int { return cmp.Or(cmp.Compare(seen[a], seen[b]), cmp.Compare(a, b)) })
	rank := make(map[string]int, len(order))
	for i, g := range order {
		rank[g] = i
	}
	sets := make([][]int, len(texts))
	for i, list := range grams {
		for _, g := range list {
			sets[i] = append(sets[i], rank[g])
		}
		slices.Sort(sets[i])
	}
	return sets
}

// gramsOf returns the different pairs of characters of a Chinese or Japanese
// text, and runs of three of another, without signs and with all digits alike.
func gramsOf(text string) []string {
	n, line := 3, []rune{' '}
	for _, r := range nlu.Normalize(text) {
		switch {
		case unicode.IsDigit(r):
			r = '0'
		case !unicode.IsLetter(r):
			r = ' '
		case r >= 0x2e80:
			n = 2
		}
		if last := line[len(line)-1]; r != last || r != ' ' && r != '0' {
			line = append(line, r)
		}
	}
	if len(line) == 1 {
		return []string{"= " + text} // nothing but signs: like itself alone
	}
	if line[len(line)-1] != ' ' {
		line = append(line, ' ')
	}
	var out []string
	for i := 0; i+n <= len(line); i++ {
		out = append(out, string(line[i:i+n]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// jaccard is the share of common numbers of two sorted sets.
func jaccard(a, b []int) float64 {
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common, i, j = common+1, i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}

// foldsOf divides examples into k parts such that near-identical wordings are
// in one, and each label and the whole are spread as evenly as that allows.
func foldsOf(examples []nlu.Example, k int) []int {
	texts := make([]string, len(examples))
	for i, e := range examples {
		texts[i] = e.Text
	}
	cluster := clusters(texts)
	members := map[int][]int{}
	for i, c := range cluster {
		members[c] = append(members[c], i)
	}
	order := make([]int, 0, len(members))
	for c := range members {
		order = append(order, c)
	}
	key := func(c int) uint64 { return shuffled(examples[members[c][0]].Text) }
	slices.SortFunc(order, func(a, b int) int { // large ones first: small ones fill up
		return cmp.Or(cmp.Compare(len(members[b]), len(members[a])), cmp.Compare(key(a), key(b)), cmp.Compare(a, b))
	})
	fold := make([]int, len(examples))
	ofLabel, all := map[string][]int{}, make([]int, k)
	for _, c := range order {
		label := examples[members[c][0]].Label
		if ofLabel[label] == nil {
			ofLabel[label] = make([]int, k)
		}
		best := 0
		for f := range k {
			if cmp.Or(cmp.Compare(ofLabel[label][f], ofLabel[label][best]), cmp.Compare(all[f], all[best])) < 0 {
				best = f
			}
		}
		for _, i := range members[c] {
			fold[i] = best
		}
		ofLabel[label][best] += len(members[c])
		all[best] += len(members[c])
	}
	return fold
}

// shuffled is a number by which texts are in an order that says nothing, the
// same each time.
func shuffled(text string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, text)
	return h.Sum64()
}
