package app

import (
	"context"
	"errors"
)

func applyCommand(context.Context, []string, Streams) error  { return errors.New("not built") }
func doctorCommand(context.Context, []string, Streams) error { return errors.New("not built") }
