package omni

import "time"

// Retention says how long recordings are kept.
type Retention struct {
	// Recordings is how long a recording is kept after its end. Defaults to
	// 90 days; negative keeps recordings for ever.
	Recordings time.Duration
	// Voicemail is the same for voicemail. Defaults to Recordings.
	Voicemail time.Duration
}

const defaultRetention = 90 * 24 * time.Hour

// DeleteAfter is the time from which a recording of the given kind may be
// deleted; zero for never.
func (r Retention) DeleteAfter(kind string, endedAt time.Time) time.Time {
	keep := r.Recordings
	if kind == "voicemail" && r.Voicemail != 0 {
		keep = r.Voicemail
	}
	switch {
	case keep == 0:
		keep = defaultRetention
	case keep < 0:
		return time.Time{}
	}
	return endedAt.Add(keep)
}

// Expired reports whether a recording may be deleted now: it has ended, its
// time is over, nobody holds it and it was not deleted before.
func (rec Recording) Expired(now time.Time) bool {
	return (rec.State == RecordingReady || rec.State == RecordingFailed) && !rec.LegalHold && !rec.DeleteAfter.IsZero() && !rec.DeleteAfter.After(now)
}
