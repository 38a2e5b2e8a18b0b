package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/faq"
)

// Paraphrased is a question that has an answer, and other ways to ask it.
type Paraphrased struct {
	Pack        string   `json:"pack"`
	Lang        string   `json:"lang"`
	FAQ         string   `json:"faq"`
	AnswerKey   string   `json:"answer_key"`
	Paraphrases []string `json:"paraphrases"`
}

// Retrieval is the report over questions.
type Retrieval struct {
	Articles int `json:"articles"`
	Rows     int `json:"rows"`
	// Accuracy is the share of paraphrases whose first article is right.
	Accuracy float64 `json:"accuracy"`
	Top1     Rate    `json:"top1"`
	Top3     Rate    `json:"top3"`
	// Answered is the share above the upper threshold, Precision how many of
	// these are right.
	Answered  Rate      `json:"answered"`
	Precision Rate      `json:"precision"`
	Query     Durations `json:"query"`
	Faults    []string  `json:"faults"`
}

// ReadParaphrased reads one question a line.
func ReadParaphrased(r io.Reader) ([]Paraphrased, error) {
	rows, err := readLines[Paraphrased](r)
	if err != nil {
		return nil, err
	}
	for i, p := range rows {
		if p.FAQ == "" || p.AnswerKey == "" || len(p.Paraphrases) == 0 {
			return nil, fmt.Errorf(`row %d: "faq", "answer_key" and "paraphrases" are wanted`, i+1)
		}
	}
	return rows, nil
}

// Retrieve makes the rows' questions articles, one index for each pack and
// language, and asks for them by their paraphrases. Where the pack itself has an
// article of that key, its known wordings are used as well when own is set.
func (e *Engines) Retrieve(ctx context.Context, rows []Paraphrased, own bool, progress func(done float64)) (Retrieval, error) {
	groups := map[[2]string][]Paraphrased{}
	var order [][2]string
	for _, row := range rows {
		key := [2]string{row.Pack, e.language(row.Lang, row.FAQ)}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], row)
	}
	var r Retrieval
	var took []time.Duration
	for n, key := range order {
		ix, err := e.index(ctx, key, groups[key], own)
		if err != nil {
			return r, err
		}
		r.Articles += ix.Len()
		_, upper := ix.Thresholds()
		for _, row := range groups[key] {
			for _, q := range row.Paraphrases {
				began := time.Now()
				hits := ix.Search(q, 3)
				took = append(took, time.Since(began))
				r.judge(row, q, hits, upper)
			}
		}
		progress(float64(n+1) / float64(len(order)))
	}
	r.Query = durations(took)
	r.Top1, r.Top3 = rate(r.Top1.Right, r.Rows), rate(r.Top3.Right, r.Rows)
	r.Answered, r.Precision = rate(r.Answered.Right, r.Rows), rate(r.Precision.Right, r.Answered.Right)
	r.Accuracy = r.Top1.Share
	return r, nil
}

func (r *Retrieval) judge(row Paraphrased, q string, hits []faq.Hit, upper float64) {
	r.Rows++
	at := slices.IndexFunc(hits, func(h faq.Hit) bool { return h.Article.ID == row.AnswerKey })
	if at >= 0 {
		r.Top3.Right++
	}
	if at == 0 {
		r.Top1.Right++
	} else {
		r.Faults = append(r.Faults, fmt.Sprintf("%q: %s (%.2f), want %s", q, hits[0].Article.ID, hits[0].P, row.AnswerKey))
	}
	if hits[0].P >= upper {
		r.Answered.Right++
		if at == 0 {
			r.Precision.Right++
		}
	}
}

// index makes the articles of one pack and language.
func (e *Engines) index(ctx context.Context, key [2]string, rows []Paraphrased, own bool) (*faq.Index, error) {
	var articles []faq.Article
	for _, row := range rows {
		at := slices.IndexFunc(articles, func(a faq.Article) bool { return a.ID == row.AnswerKey })
		if at < 0 {
			articles = append(articles, faq.Article{ID: row.AnswerKey, Question: row.FAQ})
		} else {
			articles[at].Variants = append(articles[at].Variants, row.FAQ)
		}
	}
	engine, err := e.engine(key[0])
	if errors.Is(err, bot.ErrUnknownPack) { // a firm of another kind: words alone decide
		return faq.New(ctx, articles, faq.Config{})
	}
	if err != nil {
		return nil, err
	}
	return engine.Articles(ctx, key[1], articles, own)
}
