//go:build !linux

package sip

import "net"

func forceReadBuffer(*net.UDPConn, int) bool { return false }
