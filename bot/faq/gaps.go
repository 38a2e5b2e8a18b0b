package faq

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// MostGaps bounds how many questions are clustered; of more, the last count.
const MostGaps = 10_000

// Gap is a group of questions that nobody's article answered and that ask about
// the same.
type Gap struct {
	Label     string   // the most central question
	Questions []string // in the order in which they came, the same text once
	Count     int      // how often they were asked
}

// GapsConfig is how questions are grouped. The zero value works.
type GapsConfig struct {
	// Like is from which mean likeness on (0 to 1) two groups are one. Defaults
	// to 0.22.
	Like float64
	// Background are other texts of the same customers, by which is known which
	// words say little.
	Background []string
	// Smallest is the size from which a group is reported. Defaults to 1.
	Smallest int
}

// Gaps groups questions by the likeness of their words, the largest group first.
// It is agglomerative: the two groups that are most like each other on average
// become one, as long as they are like enough. The same questions in the same
// order give the same groups. Of n different questions that share words with k
// others it takes about n·k comparisons.
func Gaps(ctx context.Context, questions []string, cfg GapsConfig) ([]Gap, error) {
	cfg.Like = cmp.Or(cfg.Like, 0.22)
	cfg.Smallest = cmp.Or(cfg.Smallest, 1)
	if len(questions) > MostGaps {
		questions = questions[len(questions)-MostGaps:]
	}
	var texts []string
	counts := map[string]int{}
	for _, q := range questions {
		if q == "" {
			continue
		}
		if counts[q] == 0 {
			texts = append(texts, q)
		}
		counts[q]++
	}
	if len(texts) == 0 {
		return nil, nil
	}
	likes, err := likenesses(ctx, texts, cfg.Background)
	if err != nil {
		return nil, err
	}
	members, err := join(ctx, likes, cfg.Like)
	if err != nil {
		return nil, err
	}
	var out []Gap
	for _, group := range members {
		g := Gap{Label: texts[central(group, likes, texts, counts)]}
		for _, i := range group {
			g.Questions = append(g.Questions, texts[i])
			g.Count += counts[texts[i]]
		}
		if g.Count >= cfg.Smallest {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b Gap) int { return cmp.Compare(b.Count, a.Count) })
	return out, nil
}

// like is a question with how much another is like it.
type like struct {
	to int
	by float64
}

// nearest bounds how many questions one is compared with, and least is how like
// another must be to count at all.
const (
	nearest   = 60
	leastLike = 0.08
)

// likenesses are the nearest questions of each, both ways, in their order.
func likenesses(ctx context.Context, texts, background []string) ([][]like, error) {
	words := newLexical(appendTerms, texts, background)
	sims := make([]float64, len(texts))
	out := make([][]like, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		words.similar(text, sims)
		near := make([]like, 0, 8)
		for j, s := range sims {
			if j == i || s < leastLike-1e-9 {
				continue
			}
			if s = math.Round(s*1e9) / 1e9; s >= leastLike { // the last bits depend on the order of a sum
				near = among(near, like{j, s})
			}
		}
		out[i] = near
	}
	return symmetric(out), nil
}

// among puts a question among the nearest so far, the most like first, if it is
// one of them. Questions come in their order.
func among(near []like, l like) []like {
	if len(near) == nearest {
		if near[nearest-1].by >= l.by {
			return near
		}
		near = near[:nearest-1]
	}
	at, _ := slices.BinarySearchFunc(near, l, func(o, l like) int { return cmp.Or(cmp.Compare(l.by, o.by), cmp.Compare(o.to, l.to)) })
	return slices.Insert(near, at, l)
}

// symmetric makes a likeness count the same from both sides: the mean of the
// two, where one that is missing is nought.
func symmetric(near [][]like) [][]like {
	type pair struct{ a, b int }
	sum := map[pair]float64{}
	for i, list := range near {
		for _, l := range list {
			sum[pair{min(i, l.to), max(i, l.to)}] += l.by / 2
		}
	}
	out := make([][]like, len(near))
	for p, s := range sum {
		out[p.a] = append(out[p.a], like{p.b, s})
		out[p.b] = append(out[p.b], like{p.a, s})
	}
	for i := range out {
		slices.SortFunc(out[i], func(a, b like) int { return cmp.Compare(a.to, b.to) })
	}
	return out
}

// join makes groups of questions: members by group, each in order. It keeps for
// every group the sum of likenesses to its neighbours, and always joins the two
// with the highest mean.
func join(ctx context.Context, likes [][]like, enough float64) ([][]int, error) {
	n := len(likes)
	members := make([][]int, n)
	to := make([]map[int]float64, n)
	best := make([]like, n) // of each living group, its best neighbour by mean
	for i := range n {
		members[i] = []int{i}
		to[i] = make(map[int]float64, len(likes[i]))
		for _, l := range likes[i] {
			to[i][l.to] = l.by
		}
	}
	mean := func(a, b int) float64 { return to[a][b] / float64(len(members[a])*len(members[b])) }
	seek := func(a int) {
		best[a] = like{-1, 0}
		for b := range to[a] {
			if m := mean(a, b); m > best[a].by || m == best[a].by && (best[a].to < 0 || b < best[a].to) {
				best[a] = like{b, m}
			}
		}
	}
	for i := range n {
		seek(i)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		a := -1
		for i := range n {
			if members[i] != nil && best[i].to >= 0 && (a < 0 || best[i].by > best[a].by) {
				a = i
			}
		}
		if a < 0 || best[a].by < enough {
			break
		}
		b := best[a].to
		a, b = min(a, b), max(a, b)
		members[a] = append(members[a], members[b]...)
		members[b] = nil
		delete(to[a], b)
		for c, s := range to[b] {
			if c == a {
				continue
			}
			delete(to[c], b)
			to[a][c] += s
			to[c][a] = to[a][c]
		}
		to[b] = nil
		seek(a)
		for c := range to[a] {
			seek(c)
		}
	}
	var out [][]int
	for _, m := range members {
		if m != nil {
			slices.Sort(m)
			out = append(out, m)
		}
	}
	return out, nil
}

// central is the question that is most like the others of its group, a frequent
// one counting as often as it was asked, the shortest of equals.
func central(group []int, likes [][]like, texts []string, counts map[string]int) int {
	in := map[int]bool{}
	for _, i := range group {
		in[i] = true
	}
	best, most := group[0], -1.0
	for _, i := range group {
		sum := float64(counts[texts[i]])
		for _, l := range likes[i] {
			if in[l.to] {
				sum += l.by * float64(counts[texts[l.to]])
			}
		}
		if sum > most || sum == most && len(texts[i]) < len(texts[best]) {
			best, most = i, sum
		}
	}
	return best
}
