package pack

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot/nlu"
)

// regressionFile holds texts with the intent that they must keep, in the form
// of utterancesFile. Nothing is trained with them.
const regressionFile = "regression.yaml"

// Regression returns the texts whose intent must not change when a pack learns:
// those that ship with it and, behind them, the customer's own.
func Regression(name, language string, overlays ...fs.FS) ([]nlu.Example, error) {
	if !slices.Contains(Languages, language) {
		return nil, fmt.Errorf("pack: language %q is not one of %s", language, strings.Join(Languages, ", "))
	}
	b := newBuilder(name, language)
	var out []nlu.Example
	for _, l := range layers(overlays) {
		for _, dir := range []string{Shared, name} {
			b.file(l, dir+"/"+settingsFile, func(r reader, n *node) { b.readSettings(r, n, dir) })
		}
		for _, dir := range []string{Shared, name} {
			b.file(l, dir+"/"+language+"/"+regressionFile, func(r reader, n *node) {
				for _, p := range r.pairs(n, "the texts") {
					if b.intents[p.key] == nil {
						r.fail(p.line, b.intentIDs(), "intent %q is not declared in %s", p.key, settingsFile)
						continue
					}
					for _, u := range r.strs(p.value, p.key) {
						out = append(out, nlu.Example{Text: u.Text, Label: p.key, Origin: u.At.String()})
					}
				}
			})
		}
	}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return slices.DeleteFunc(out, func(e nlu.Example) bool { return b.intents[e.Label] == nil }), nil // a later layer removed it
}
