package call

import (
	"time"

	"github.com/openhotline/hotline/media/rtp"
)

// Sound before the answer (RFC 3960 §3.2): a session description alone is no
// sound, and networks send one and then nothing, or an announcement and then
// nothing, while it rings. So packets are looked for until the answer.
const (
	earlyCheck    = 40 * time.Millisecond  // how often they are looked for
	earlyPatience = 600 * time.Millisecond // for the first; then the other side counts as ringing
	earlyPackets  = 3                      // in a row are sound: one may be comfort noise, or keep a way open
	earlyGap      = 300 * time.Millisecond // without a packet is silence
)

// earlySound tells from the figures of RTP, looked at again and again, whether
// sound comes. The zero value has heard nothing.
type earlySound struct {
	before uint64 // packets received up to the last silence
}

// comes tells whether sound comes now.
func (e *earlySound) comes(st rtp.Stats, now time.Time) bool {
	if now.Sub(st.LastRTP) >= earlyGap {
		e.before = st.PacketsReceived
	}
	return st.PacketsReceived >= e.before+earlyPackets
}
