package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot/learn"
)

// groups are the unanswered questions of the folder.
func (t *teaching) groups(ctx context.Context, smallest int) ([]learn.Group, error) {
	return t.school.Gaps(ctx, learn.GapFolder{Dir: t.dir}, t.lang, smallest)
}

func (t *teaching) gaps(ctx context.Context, _ string) error {
	groups, err := t.groups(ctx, t.smallest)
	if err != nil {
		return err
	}
	return t.print(groups[:min(len(groups), t.limit)], func(w io.Writer) {
		for _, g := range groups[:min(len(groups), t.limit)] {
			var why []string
			for _, r := range slices.Sorted(maps.Keys(g.Reasons)) {
				why = append(why, fmt.Sprintf("%s %d", r, g.Reasons[r]))
			}
			fmt.Fprintf(w, "%4d × %s\n       like %s; %s; last %s\n", g.Count, g.Label, orNothing(g.Intent), strings.Join(why, ", "), g.Last.Format("2006-01-02 15:04"))
			for _, q := range g.Questions[:min(len(g.Questions), 4)] {
				if q != g.Label {
					fmt.Fprintf(w, "       %s\n", q)
				}
			}
		}
		switch {
		case len(groups) == 0:
			fmt.Fprintln(w, "no unanswered questions")
		case len(groups) > t.limit:
			fmt.Fprintf(w, "and %d more groups (--limit)\n", len(groups)-t.limit)
		}
	})
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// group is the one with a label.
func (t *teaching) group(ctx context.Context, label string) (learn.Group, error) {
	groups, err := t.groups(ctx, 1)
	if err != nil {
		return learn.Group{}, err
	}
	for _, g := range groups {
		if g.Label == label {
			return g, nil
		}
	}
	return learn.Group{}, fmt.Errorf("%w: %q (hotline bot gaps lists the labels)", learn.ErrNoGap, label)
}

func (t *teaching) draft(ctx context.Context, label string) error {
	if t.id == "" {
		fmt.Fprintln(t.std.Err, "hotline bot: --id: what shall the article be called?")
		return errUsage
	}
	g, err := t.group(ctx, label)
	if err != nil {
		return err
	}
	path, err := t.school.Draft(ctx, t.lang, g, t.id, t.intent)
	if err != nil {
		return err
	}
	return t.print(map[string]any{"file": path, "id": t.id}, func(w io.Writer) {
		fmt.Fprintf(w, "%s has the article %s now, with %d wordings. Write its answer there.\n", path, t.id, len(g.Questions))
	})
}
