package ivr

import (
	"fmt"
	"strings"
)

// formats are what may follow the bar in {variable|format}.
var formats = []string{"digits", "number", "date", "time", "money", "duration"}

// piece is a part of a text: letters as they are, or a variable.
type piece struct {
	literal string
	name    []string // variable and the keys below it; nil for a literal
	format  string
	option  string // money:CNY
	source  string
}

// parseTemplate splits a text at its {placeholders}. What is no placeholder
// stays as it is.
func parseTemplate(text string) []piece {
	var out []piece
	for {
		before, rest, ok := strings.Cut(text, "{")
		inside, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			if text != "" {
				out = append(out, piece{literal: text})
			}
			return out
		}
		p, isVar := parsePlaceholder(inside)
		if !isVar {
			out = append(out, piece{literal: before + "{"})
			text = rest
			continue
		}
		if before != "" {
			out = append(out, piece{literal: before})
		}
		out = append(out, p)
		text = after
	}
}

func parsePlaceholder(s string) (piece, bool) {
	p := piece{source: s}
	name, format, _ := strings.Cut(s, "|")
	p.format, p.option, _ = strings.Cut(strings.TrimSpace(format), ":")
	for _, key := range strings.Split(strings.TrimSpace(name), ".") {
		if !variableRule.MatchString(key) {
			return piece{}, false
		}
		p.name = append(p.name, key)
	}
	return p, true
}

// lookup finds a variable, and keys below it in maps. Missing ones are nil.
func lookup(vars Vars, name []string) any {
	var v any = map[string]any(vars)
	for _, key := range name {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// expand fills a text's placeholders; format writes a value.
func expand(text string, vars Vars, format func(p piece, v any) string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for _, p := range parseTemplate(text) {
		if p.name == nil {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(format(p, lookup(vars, p.name)))
	}
	return b.String()
}

// plain writes a value without regard to language.
func plain(_ piece, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%v", v), ".0")
	}
	return fmt.Sprint(v)
}
