package journey

import (
	"strings"
	"testing"
	"time"
)

func TestSimulationTokens(t *testing.T) {
	t.Parallel()
	key, other := []byte(strings.Repeat("k", 32)), []byte(strings.Repeat("o", 32))
	now := time.Unix(1_800_000_000, 0)
	sign := func(key []byte, body string) string { return body + "." + simulationMAC(key, body) }
	good := sign(key, simulationPrefix+"1800000060.abc")
	for _, c := range []struct {
		name, token string
		want        bool
	}{
		{"ours", good, true},
		{"another installation's", sign(other, simulationPrefix+"1800000060.abc"), false},
		{"ended", sign(key, simulationPrefix+"1800000000.abc"), false},
		{"with a later end", strings.Replace(good, "1800000060", "1900000060", 1), false},
		{"cut", good[:len(good)-1], false},
		{"without a signature", simulationPrefix + "1800000060.abc", false},
		{"of something else", sign(key, "hlp_1800000060.abc"), false},
		{"without an end", sign(key, simulationPrefix+"soon.abc"), false},
		{"a display name", "Hotline Simulator", false},
		{"nothing", "", false},
	} {
		if got := validSimulation(key, c.token, now); got != c.want {
			t.Errorf("a token that is %s: valid %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzSimulationToken(f *testing.F) {
	key := []byte(strings.Repeat("k", 32))
	f.Add(simulationPrefix + "1800000060.abc." + simulationMAC(key, simulationPrefix+"1800000060.abc"))
	f.Add("hls_..")
	f.Fuzz(func(t *testing.T, token string) {
		if validSimulation(key, token, time.Unix(0, 0)) && !strings.Contains(token, simulationMAC(key, token[:strings.LastIndexByte(token, '.')])) {
			t.Fatalf("%q passes without its signature", token)
		}
	})
}
