package insight

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes rows as CSV (RFC 4180) with one line per row; the heading of
// each figure's column is its name and its formula code: service_level
// [SL-STRICT]. Seconds have one decimal, ratios four; a figure that is not
// defined is empty. Times are RFC 3339 in their own zone. Names that a
// spreadsheet would take for a formula are quoted with an apostrophe.
func WriteCSV(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	head := []string{"id", "name", "from", "to"}
	if len(rows) > 0 {
		for _, f := range rows[0].Figures {
			head = append(head, fmt.Sprintf("%s [%s]", f.Name, f.Code))
		}
	}
	if err := c.Write(head); err != nil {
		return fmt.Errorf("insight: write CSV: %w", err)
	}
	for _, r := range rows {
		line := []string{plain(r.ID), plain(r.Name), r.From.Format(time.RFC3339), r.To.Format(time.RFC3339)}
		for _, f := range r.Figures {
			line = append(line, f.text())
		}
		if err := c.Write(line); err != nil {
			return fmt.Errorf("insight: write CSV: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("insight: write CSV: %w", err)
	}
	return nil
}

// text is the figure as CSV carries it.
func (f Figure) text() string {
	if !f.Defined {
		return ""
	}
	switch f.Unit {
	case Count:
		return strconv.FormatFloat(f.Value, 'f', 0, 64)
	case Ratio:
		return strconv.FormatFloat(f.Value, 'f', 4, 64)
	}
	return strconv.FormatFloat(f.Value, 'f', 1, 64)
}

// plain keeps a spreadsheet from running a name as a formula.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
