package media

// resumeTicks is how long a party whose relay ended may take to deliver the
// first packet that was not relayed, before the mix goes on without it.
const resumeTicks = 2

// tick runs one frame of the room. It does not allocate unless a party's rate
// has changed.
func (r *Room) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.rate != m.party.Rate() {
			r.plan()
			break
		}
	}
	if r.relayA != nil {
		r.switchRelay()
	}
	if r.relaying {
		r.tickRelay()
	} else {
		r.tickMix()
	}
	if r.rec != nil {
		r.rec.Tick()
	}
}

// maxSkipped bounds the silence that stands in a recording for frames that were
// given up: what a recorder keeps waiting for the disk.
const maxSkipped = 90

// skip keeps the recording in step with the clock over frames that were given
// up.
func (r *Room) skip(frames int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rec == nil {
		return
	}
	for range min(frames, maxSkipped) {
		r.rec.Tick()
	}
}

// switchRelay starts or ends the relay when the formats of the two parties
// have come to match or have ceased to.
func (r *Room) switchRelay() {
	a, b := r.relayA.relayer, r.relayB.relayer
	f := a.Format()
	ok := f != FormatNone && f == b.Format() && r.recordable(f)
	switch {
	case ok && !r.relaying:
		r.relaying = true
		r.relayingNow.Store(true)
		a.RelayTo(b)
		b.RelayTo(a)
	case !ok && r.relaying:
		r.stopRelay()
	}
}

func (r *Room) recordable(f Format) bool {
	return len(r.recLeft)+len(r.recRight) == 0 || f == FormatPCMU || f == FormatPCMA
}

// stopRelay ends the relay; what was relayed and not recorded yet is recorded,
// and the mix goes on behind it.
func (r *Room) stopRelay() {
	r.relaying = false
	r.relayingNow.Store(false)
	for _, m := range [2]*member{r.relayA, r.relayB} {
		m.relayer.RelayTo(nil)
		for range 64 {
			n := m.relayer.ReadPayload(r.payload[:])
			if n < 0 {
				break
			}
			r.recordPayload(m, n)
		}
		m.resume = resumeTicks
	}
}

// tickRelay keeps the jitter buffers warm, feeds the recorder with payloads
// and lets time pass for everybody else.
func (r *Room) tickRelay() {
	for _, m := range r.members {
		if m == r.relayA || m == r.relayB {
			r.recordPayload(m, m.relayer.ReadPayload(r.payload[:]))
			continue
		}
		m.party.ReadFrame(r.raw[:m.rate.Frame()])
		if !m.source {
			clear(r.raw[:])
			m.party.WriteFrame(r.raw[:m.rate.Frame()])
		}
	}
}

func (r *Room) recordPayload(m *member, n int) {
	if n <= 0 || r.rec == nil {
		return
	}
	if len(r.recLeft) == 1 && r.recLeft[0] == m {
		r.rec.Payload(Left, m.relayer.Format(), r.payload[:n])
	}
	if len(r.recRight) == 1 && r.recRight[0] == m {
		r.rec.Payload(Right, m.relayer.Format(), r.payload[:n])
	}
}

// tickMix reads everybody once, then gives each what the matrix says.
func (r *Room) tickMix() {
	n := r.rate.Frame()
	total := r.total[:n]
	clear(total)
	for _, m := range r.members {
		r.read(m)
		if m.speaking {
			accumulate(total, m.in[:n])
		}
	}
	for _, m := range r.members {
		if !m.source && !m.waitsForPeer() {
			r.write(m, r.mixFor(m, n))
		}
	}
	if r.rec != nil {
		r.recordMix(Left, r.recLeft, n)
		r.recordMix(Right, r.recRight, n)
	}
}

// read fetches the member's frame at the room's rate into m.in.
func (r *Room) read(m *member) {
	m.absent = false
	if m.resume > 0 {
		m.resume--
		if m.resume > 0 && m.relayer.Buffered() < FrameTime {
			m.absent, m.speaking = true, false
			return
		}
		m.resume = 0
	}
	n := r.rate.Frame()
	if m.up == nil {
		m.speaking = m.party.ReadFrame(m.in[:n])
		return
	}
	raw := r.raw[:m.rate.Frame()]
	if m.speaking = m.party.ReadFrame(raw); m.speaking {
		m.up.Process(m.in[:n], raw)
	}
}

// waitsForPeer reports that all this member hears has not come yet after a
// relay: sending nothing for a tick is better than sending a hole.
func (m *member) waitsForPeer() bool {
	for _, from := range m.hears {
		if from.absent {
			return true
		}
	}
	return false
}

// mixFor returns the frame m hears, valid until the next call.
func (r *Room) mixFor(m *member, n int) []int16 {
	out := r.heard[:n]
	if m.hearsAll && len(m.hears) > 2 {
		if m.speaking {
			subtract(out, r.total[:n], m.in[:n])
		} else {
			saturate(out, r.total[:n])
		}
		return out
	}
	var first *member
	var gain int32
	count := 0
	for i, from := range m.hears {
		if from.speaking {
			if count++; count == 1 {
				first, gain = from, m.gains[i]
			}
		}
	}
	switch {
	case count == 0:
		clear(out)
		return out
	case count == 1 && gain == unityGain:
		return first.in[:n]
	case count == 1:
		scale(out, first.in[:n], gain)
		return out
	}
	sum := r.recSum[:n]
	clear(sum)
	for i, from := range m.hears {
		switch {
		case !from.speaking:
		case m.gains[i] == unityGain:
			accumulate(sum, from.in[:n])
		default:
			accumulateGain(sum, from.in[:n], m.gains[i])
		}
	}
	saturate(out, sum)
	return out
}

func (r *Room) write(m *member, frame []int16) {
	if m.down == nil {
		m.party.WriteFrame(frame)
		return
	}
	raw := r.raw[:m.rate.Frame()]
	m.down.Process(raw, frame)
	m.party.WriteFrame(raw)
}

// recordMix records the sum of the parties of one side.
func (r *Room) recordMix(side Side, from []*member, n int) {
	var only *member
	count := 0
	for _, m := range from {
		if m.speaking {
			only = m
			count++
		}
	}
	if count == 0 {
		return
	}
	frame := r.recFrame[:n]
	if count == 1 {
		frame = only.in[:n]
	} else {
		sum := r.recSum[:n]
		clear(sum)
		for _, m := range from {
			if m.speaking {
				accumulate(sum, m.in[:n])
			}
		}
		saturate(frame, sum)
	}
	if r.rate == Rate16k {
		k := r.recDown[side].Process(r.recNarrow[:], frame)
		frame = r.recNarrow[:k]
	}
	r.rec.PCM(side, frame)
}
