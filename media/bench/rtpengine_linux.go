package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// findRTPEngine looks for the daemon of the Debian package.
func findRTPEngine() (string, error) {
	path, err := exec.LookPath("rtpengine")
	if err != nil {
		return "", errors.New("rtpengine is not installed (Debian: rtpengine-daemon)")
	}
	return path, nil
}

// measureRTPEngine runs the scenario through rtpengine without its kernel
// module, on loopback, with calls set up by its ng protocol.
func measureRTPEngine(ctx context.Context, o options, path string, s setup) (result, error) {
	l, err := startLoad(ctx, o, s)
	if err != nil {
		return result{}, err
	}
	defer l.stop()
	control, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return result{}, err
	}
	port := control.LocalAddr().(*net.UDPAddr).Port
	_ = control.Close()
	args := []string{"--table=-1", "--interface=127.0.0.1", fmt.Sprintf("--listen-ng=127.0.0.1:%d", port),
		"--foreground", "--log-stderr", "--log-level=2", "--port-min=20000", "--port-max=32000", "--timeout=600"}
	if o.threads > 0 {
		args = append(args, fmt.Sprintf("--num-threads=%d", o.threads))
	}
	cmd := exec.CommandContext(ctx, path, args...)
	if err := start(cmd, o, 0); err != nil {
		return result{}, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return result{}, err
	}
	defer func() { _ = conn.Close() }()
	ng := &ngClient{conn: conn}
	if err := ng.ready(); err != nil {
		return result{}, err
	}
	to := make([][]int, s.Groups)
	for g := range to {
		if to[g], err = ng.call(g, l.ports[g]); err != nil {
			return result{}, fmt.Errorf("call %d: %w", g, err)
		}
	}
	return l.run(cmd.Process.Pid, o.length, to, s, func() error { return nil })
}

// ngClient speaks rtpengine's control protocol: a cookie and a bencoded
// dictionary per datagram.
type ngClient struct {
	conn   net.Conn
	cookie int
}

func (c *ngClient) ready() error {
	var err error
	for range 50 {
		if _, err = c.ask("d7:command4:pinge"); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("rtpengine does not answer: %w", err)
}

// call sets up a two-party call between two ports of the load and returns the
// ports rtpengine opened for them.
func (c *ngClient) call(id int, ports []int) ([]int, error) {
	callID := fmt.Sprintf("call-%d", id)
	sdp := func(port int) string {
		return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", port)
	}
	// Keys of a bencoded dictionary are sorted.
	offer := "d" + text("call-id", callID) + text("command", "offer") + text("from-tag", "a") + text("sdp", sdp(ports[0])) + "e"
	towardsB, err := c.askSDP(offer)
	if err != nil {
		return nil, err
	}
	answer := "d" + text("call-id", callID) + text("command", "answer") + text("from-tag", "a") + text("sdp", sdp(ports[1])) + text("to-tag", "b") + "e"
	towardsA, err := c.askSDP(answer)
	if err != nil {
		return nil, err
	}
	// What A sees in the answer is where A sends.
	return []int{towardsA, towardsB}, nil
}

func text(key, value string) string {
	return fmt.Sprintf("%d:%s%d:%s", len(key), key, len(value), value)
}

var audioPort = regexp.MustCompile(`m=audio (\d+) `)

func (c *ngClient) askSDP(request string) (int, error) {
	answer, err := c.ask(request)
	if err != nil {
		return 0, err
	}
	m := audioPort.FindStringSubmatch(answer)
	if m == nil {
		return 0, fmt.Errorf("no port in %q", answer)
	}
	return strconv.Atoi(m[1])
}

func (c *ngClient) ask(request string) (string, error) {
	c.cookie++
	if _, err := fmt.Fprintf(c.conn, "c%d %s", c.cookie, request); err != nil {
		return "", err
	}
	buf := make([]byte, 65536)
	if err := c.conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	n, err := c.conn.Read(buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
