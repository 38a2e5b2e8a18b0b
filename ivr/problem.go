package ivr

import "fmt"

// wording is what a problem says: a stable code with parameters, which pages
// translate, and the same in English.
type wording struct {
	code   string
	text   string
	params map[string]string
}

// guess is the word that was probably meant; empty when none is near.
type guess string

// say makes a wording. The names and values that follow the format are the
// parameters; the format takes the values in their order:
//
//	say("duplicate_key", "the key %q comes twice", "key", p.key)
//
// A piece of the document is given as *doc and formatted with %s; a map, a list
// or nothing goes to pages by its shape.
func say(code, format string, named ...any) wording {
	w := wording{code: code}
	values := make([]any, 0, len(named)/2)
	for i := 0; i+1 < len(named); i += 2 {
		name, _ := named[i].(string)
		value, shown := named[i+1], fmt.Sprint(named[i+1])
		switch v := value.(type) {
		case *doc:
			value, shown = v.describe(), v.describe()
			if shape := v.shapeName(); shape != "" {
				name, shown = "shape", shape
			}
		case guess:
			value = ""
			if v != "" {
				value = fmt.Sprintf(", did you mean %q?", string(v))
			}
		}
		values = append(values, value)
		if shown == "" {
			continue
		}
		if w.params == nil {
			w.params = make(map[string]string, len(named)/2)
		}
		w.params[name] = shown
	}
	w.text = fmt.Sprintf(format, values...)
	return w
}

// bounds adds from where to where a value may go.
func (w wording) bounds(low, high any) wording {
	if w.params == nil {
		w.params = make(map[string]string, 2)
	}
	w.params["low"], w.params["high"] = fmt.Sprint(low), fmt.Sprint(high)
	return w
}

// at makes a problem of a place in the text.
func (w wording) at(line, column int) *Problem {
	return &Problem{Line: line, Column: column, Message: w.text, Code: w.code, Params: w.params}
}

// shapeName names what is no plain text; empty for one.
func (d *doc) shapeName() string {
	switch d.shape {
	case mapping:
		return "map"
	case list:
		return "list"
	case null:
		return "nothing"
	}
	return ""
}
