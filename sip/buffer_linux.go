package sip

import (
	"net"
	"syscall"
)

// forceReadBuffer sets the receive buffer beyond net.core.rmem_max, which the
// kernel allows with CAP_NET_ADMIN only: the usual cap of 208 KiB holds some
// 200 messages, a tenth of a second of 600 calls a second.
func forceReadBuffer(c *net.UDPConn, bytes int) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, bytes)
	})
	return err == nil && failed == nil
}
