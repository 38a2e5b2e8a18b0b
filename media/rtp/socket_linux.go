package rtp

// burst is how many packets of a leg are taken at once: what has gathered
// behind a stall is caught up, a flood at one port does not starve the others.
const burst = 4
