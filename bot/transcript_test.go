package bot

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// transcript is a conversation that was held with the bot as a customer and went
// badly then. `hotline eval --dialogues` reads the same files.
type transcript struct {
	Pack string `json:"pack"`
	Lang string `json:"lang"`
	// Worse marks a conversation that went well and no longer does since articles
	// are found by finer words of one meaning (docs/nlu.md, "Not reached yet").
	Worse bool `json:"worse"`
	Turns []struct {
		User   string `json:"user"`
		Intent string `json:"intent"`
		Action Action `json:"action"`
		Bot    string `json:"bot"`   // is in the reply
		Never  string `json:"never"` // is not
	} `json:"turns"`
}

func transcripts(t *testing.T, language string) []transcript {
	t.Helper()
	f, err := os.Open("testdata/transcripts/" + language + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []transcript
	for s := bufio.NewScanner(f); s.Scan(); {
		var row transcript
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("row %d: %v", len(out)+1, err)
		}
		out = append(out, row)
	}
	if len(out) == 0 {
		t.Fatal("no conversations")
	}
	return out
}

// Conversations that went badly go well.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	languages := []string{"zh", "en", "ja"}
	if raced { // the other eight trainings would show nothing more
		languages = languages[:1]
	}
	for _, language := range languages {
		for _, row := range transcripts(t, language) {
			t.Run(row.Lang+" "+row.Pack+" "+row.Turns[0].User, func(t *testing.T) {
				t.Parallel()
				e := engine(t, row.Pack)
				st := State{Language: row.Lang}
				bad := 0
				for i, want := range row.Turns {
					d := turnOf(t, e, st, want.User)
					st = d.After
					if d.Action != want.Action || d.Intent != want.Intent || !strings.Contains(d.Reply, want.Bot) || want.Never != "" && strings.Contains(d.Reply, want.Never) {
						bad++
						if row.Worse {
							continue
						}
						t.Errorf("turn %d %q: %s, intent %s (%.2f), %v: %q; want %s, %s, with %q without %q", i+1, want.User, d.Action, d.Intent, d.P, d.Reasons, d.Reply, want.Action, want.Intent, want.Bot, want.Never)
					}
				}
				if row.Worse && bad == 0 {
					t.Error("it goes well again: take the mark away")
				}
			})
		}
	}
}
