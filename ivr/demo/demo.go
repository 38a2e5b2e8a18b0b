// Package demo has the flows of the demo shop, embedded: the main menu, the
// echo, the sales line and the test tone.
package demo

import (
	"embed"
	"fmt"

	"github.com/openhotline/hotline/ivr"
)

//go:embed *.yaml
var files embed.FS

// What the flows expect of the installation.
const (
	QueueSales   = "qu_sales"
	QueueService = "qu_service" // also the queue of key 0
	QueueBilling = "qu_billing"
	Calendar     = "ca_demo"
)

// Entry is a number of the demo shop and the flow that answers it.
type Entry struct {
	Number string
	FlowID string
	Name   string
	Title  ivr.Texts
	Text   string // YAML
}

// Entries returns the numbers of the demo shop in order, 9000 to 9003.
func Entries() ([]Entry, error) {
	var out []Entry
	for _, e := range []struct{ number, file string }{{"9000", "main.yaml"}, {"9001", "echo.yaml"}, {"9002", "sales.yaml"}, {"9003", "tone.yaml"}} {
		text, err := files.ReadFile(e.file)
		if err != nil {
			return nil, fmt.Errorf("demo flow: %w", err)
		}
		f, problems := ivr.ParseFile(e.file, text)
		if f == nil {
			return nil, fmt.Errorf("demo flow: %w: %v", ivr.ErrBroken, problems)
		}
		out = append(out, Entry{Number: e.number, FlowID: f.ID, Name: f.Name, Title: f.Title, Text: string(text)})
	}
	return out, nil
}
