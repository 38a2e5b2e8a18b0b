package insight

import (
	"context"
	"io"
)

// Figures computes the rows of a query, ordered by id and time. Intervals in
// which nothing happened have no row.
func Figures(ctx context.Context, src Source, q Query) ([]Row, error) { return nil, nil }

// WriteCSV writes rows as CSV (RFC 4180) with one line per row; the heading of
// each column is the figure's name and its formula code: service_level [SL-STRICT].
func WriteCSV(w io.Writer, rows []Row) error { return nil }
