package sample

import (
	"context"
	"errors"
	"testing"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/lookup"
	"github.com/openhotline/hotline/bot/pack"
)

func client(t *testing.T) *lookup.Client {
	t.Helper()
	actions, err := lookup.Parse("actions.yaml", Actions, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := Transport()
	if err != nil {
		t.Fatal(err)
	}
	return lookup.NewClient(actions, transport)
}

// Every action of the embedded packs is answered, in each language and the same
// way each time, with the fields that the answers have places for.
func TestAnswersEveryActionOfThePacks(t *testing.T) {
	t.Parallel()
	c := client(t)
	for _, name := range pack.Names() {
		for _, language := range pack.Languages {
			p, err := pack.Load(name, language)
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range p.Intents {
				if in.Action == "" {
					continue
				}
				slots := map[entity.Kind]string{}
				for _, s := range in.Required {
					slots[entity.Kind(s)] = "4712"
				}
				one, err := c.Do(t.Context(), in.Action, language, slots)
				if err != nil {
					t.Errorf("%s %s %s: %v", name, language, in.ID, err)
					continue
				}
				two, err := c.Do(t.Context(), in.Action, language, slots)
				if err != nil || len(one) != len(two) || one["status"] == "" || one["status"] != two["status"] {
					t.Errorf("%s %s %s: %v, then %v, %v", name, language, in.ID, one, two, err)
				}
			}
		}
	}
}

func TestUnknownNumberAndEndedContext(t *testing.T) {
	t.Parallel()
	c := client(t)
	if _, err := c.Do(t.Context(), "order_status", "en", map[entity.Kind]string{entity.OrderNumber: "470000"}); !errors.Is(err, lookup.ErrNotFound) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, "order_status", "en", map[entity.Kind]string{entity.OrderNumber: "4712"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
