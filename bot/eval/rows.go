// Package eval measures what the bot understands: intents, dialogues, entities
// and articles against rows that somebody else has labelled. It reports figures
// with their intervals and decides nothing.
package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxLine bounds one row of a file.
const maxLine = 1 << 20

// Row is one labelled text.
type Row struct {
	Text   string `json:"text"`
	Intent string `json:"intent"`
	Lang   string `json:"lang"`
	Pack   string `json:"pack"`
	Group  string `json:"group"` // the right skill group, where it is given
}

// outOfScope are the names by which files call what no intent wants.
var outOfScope = []string{"out_of_scope", "oos"}

// foreign reports whether the row is out of scope.
func (r Row) foreign() bool { return slices.Contains(outOfScope, r.Intent) }

// ReadRows reads one JSON object a line. An error names the line and the field.
func ReadRows(r io.Reader) ([]Row, error) {
	rows, err := readLines[Row](r)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		if row.Intent == "" {
			return nil, fmt.Errorf(`row %d: "intent" is missing`, i+1)
		}
	}
	return rows, nil
}

// readLines decodes every line that is not empty.
func readLines[T any](r io.Reader) ([]T, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var out []T
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimPrefix(sc.Bytes(), []byte("\ufeff"))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var row T
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, fmt.Errorf("line %d: one JSON object is wanted: %w", n, plain(err))
		}
		out = append(out, row)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(out)+1, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the file has no rows")
	}
	return out, nil
}

// plain drops the names of Go types from an error of the JSON decoder.
func plain(err error) error {
	return fmt.Errorf("%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "json: "), "Go struct field ", "field "))
}
