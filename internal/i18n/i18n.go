// Package i18n has the texts for people in every language of the product: a
// catalogue per language, embedded, with the same keys and placeholders in
// each. Texts that are spoken to callers are among them (keys spoken.…), with
// the wording of numbers, waits, dates and money per language.
package i18n

import (
	"embed"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// Languages are the product's languages, BCP 47.
var Languages = []string{"zh-CN", "en", "ja"}

// Default is the language of an installation that sets none.
const Default = "zh-CN"

// Args fill the placeholders of a text: {name} takes Args["name"].
type Args map[string]any

//go:embed catalogue/*.yaml
var files embed.FS

var catalogues = load()

func load() map[string]map[string]string {
	out := make(map[string]map[string]string, len(Languages))
	for _, lang := range Languages {
		text, err := files.ReadFile("catalogue/" + lang + ".yaml")
		if err != nil {
			panic(fmt.Sprintf("i18n: %v", err)) // embedded at build time
		}
		var tree map[string]any
		if err := yaml.Unmarshal(text, &tree); err != nil {
			panic(fmt.Sprintf("i18n: %s: %v", lang, err))
		}
		flat := make(map[string]string)
		flatten("", tree, flat)
		out[lang] = flat
	}
	return out
}

func flatten(prefix string, tree map[string]any, flat map[string]string) {
	for k, v := range tree {
		if sub, ok := v.(map[string]any); ok {
			flatten(prefix+k+".", sub, flat)
			continue
		}
		flat[prefix+k] = strings.TrimSpace(fmt.Sprint(v))
	}
}

// T returns the text of a key in the product's language nearest to lang, with
// its placeholders filled. An unknown key comes back as it is.
func T(lang, key string, args Args) string {
	text, ok := catalogues[Match(lang)][key]
	if !ok {
		return key
	}
	return Fill(text, args)
}

// Fill replaces {name} by args["name"]; a name that args does not have stays.
func Fill(text string, args Args) string {
	if len(args) == 0 || !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		v, known := args[name]
		if !ok || !known {
			b.WriteByte('{')
			text = rest
			continue
		}
		fmt.Fprint(&b, v)
		text = after
	}
}

// Has reports whether there is a text for a key.
func Has(key string) bool { _, ok := catalogues[Default][key]; return ok }

// Keys returns every key of the catalogues, in no order.
func Keys() []string {
	keys := make([]string, 0, len(catalogues[Default]))
	for k := range catalogues[Default] {
		keys = append(keys, k)
	}
	return keys
}

// Match returns the product's language nearest to a BCP 47 tag: zh, zh-Hant and
// cmn give zh-CN, en-GB gives en; Default for what is unknown or empty.
func Match(lang string) string {
	if l, ok := Known(lang); ok {
		return l
	}
	return Default
}

// Known is Match that tells when no language of the product is near.
func Known(lang string) (string, bool) {
	base, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(lang), "_", "-"), "-")
	switch base {
	case "zh", "cmn", "yue":
		return "zh-CN", true
	case "en":
		return "en", true
	case "ja", "jp":
		return "ja", true
	}
	return "", false
}
