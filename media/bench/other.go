//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"time"
)

var errLinux = errors.New("the bench needs Linux: /proc and epoll")

func load(context.Context, io.Reader, io.Writer) error { return errLinux }
func cpuTime(int) (time.Duration, error)               { return 0, errLinux }
func start(*exec.Cmd, options, int) error              { return errLinux }
func findRTPEngine() (string, error)                   { return "", errLinux }

func measureRTPEngine(context.Context, options, string, setup) (result, error) {
	return result{}, errLinux
}
