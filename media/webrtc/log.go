package webrtc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// quiet hands pion's warnings and errors to slog as debug messages: most of
// them describe what any network does to packets, and none of them is about
// one of our calls by id. Everything below is dropped before it is formatted.
func quiet(log *slog.Logger) logging.LoggerFactory { return loggers{log} }

type loggers struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f loggers) NewLogger(scope string) logging.LeveledLogger {
	return logger{f.log.With("scope", scope)}
}

type logger struct{ log *slog.Logger }

func (l logger) say(text string) {
	l.log.Debug("webrtc stack", "text", text)
}

func (l logger) on() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

func (logger) Trace(string)          {}
func (logger) Tracef(string, ...any) {}
func (logger) Debug(string)          {}
func (logger) Debugf(string, ...any) {}
func (logger) Info(string)           {}
func (logger) Infof(string, ...any)  {}
func (l logger) Warn(text string)    { l.say(text) }
func (l logger) Error(text string)   { l.say(text) }

func (l logger) Warnf(format string, args ...any) {
	if l.on() {
		l.say(fmt.Sprintf(format, args...))
	}
}

func (l logger) Errorf(format string, args ...any) {
	if l.on() {
		l.say(fmt.Sprintf(format, args...))
	}
}
