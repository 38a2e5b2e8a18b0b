package ivr

import (
	"maps"
	"testing"
)

// What a page puts into its translation is what the English text names.
func TestProblemsForTranslation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text, code, message string
		params              map[string]string
	}{
		"a word that is near": {
			"flow: f\nlanguages: [en]\nstart: a\nnodes: {a: {type: sai}}", "not_allowed",
			`"sai" is not allowed here, did you mean "say"?`, map[string]string{"found": `"sai"`, "meant": "say"},
		},
		"a list instead of a map": {
			"[1]", "want_map", "must be a map, not a list", map[string]string{"shape": "list"},
		},
		"bounds": {
			"flow: f\nlanguages: [en]\nstart: a\nnodes: {a: {type: echo, max: 9h}}", "duration",
			`"9h" is not allowed here`, map[string]string{"found": `"9h"`, "low": "1s", "high": "1h0m0s"},
		},
		"a node that is not there": {
			"flow: f\nlanguages: [en]\nstart: nowhere\nnodes: {a: {type: end}}", "no_node",
			`there is no node "nowhere"`, map[string]string{"name": "nowhere"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Parse([]byte(tt.text))
			for _, p := range problems {
				if p.Code == tt.code && p.Message == tt.message && maps.Equal(p.Params, tt.params) {
					return
				}
			}
			t.Errorf("no %s %v in %+v", tt.code, tt.params, problems)
		})
	}
}
