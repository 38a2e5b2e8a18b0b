package simulate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// tailTime is how much of a talk may be missing from its recording, and how much
// of the end is fetched to see that it is there.
const tailTime = 200 * time.Millisecond

// tailBytes are two channels of µ-law for tailTime.
const tailBytes = 2 * 8000 * int64(tailTime) / int64(time.Second)

// recorded reads the head and the end of a recording's file as a player would
// and returns its length by its own header. The error says in what the file, its
// header and its row differ.
func (s *simulation) recorded(ctx context.Context, rec omni.Recording) (time.Duration, error) {
	if rec.State != omni.RecordingReady {
		return 0, fmt.Errorf("is %s %s", rec.State, rec.Failure)
	}
	head, size, err := s.piece(ctx, rec.ID, "bytes=0-255")
	if err != nil {
		return 0, err
	}
	info, err := wav.ReadInfo(bytes.NewReader(head), size)
	switch {
	case err != nil:
		return 0, err
	case size != rec.Bytes:
		return info.Duration, fmt.Errorf("has %d bytes, its row says %d", size, rec.Bytes)
	case info.Duration.Milliseconds() != rec.DurationMS:
		return info.Duration, fmt.Errorf("lasts %s by its header, its row says %d ms", info.Duration, rec.DurationMS)
	case info.Duration < tailTime:
		return info.Duration, nil
	}
	end, _, err := s.piece(ctx, rec.ID, fmt.Sprintf("bytes=-%d", tailBytes))
	if err == nil && int64(len(end)) != tailBytes {
		err = fmt.Errorf("its last %s has %d bytes", tailTime, len(end))
	}
	return info.Duration, err
}

// piece fetches a range of a recording and the size of the whole.
func (s *simulation) piece(ctx context.Context, recordingID, want string) (data []byte, size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api.base+"/api/v1/recordings/"+recordingID+"/audio", nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+s.api.token)
	req.Header.Set("Range", want)
	res, err := s.api.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusPartialContent {
		return nil, 0, fmt.Errorf("range %s answers %s", want, res.Status)
	}
	_, total, _ := strings.Cut(res.Header.Get("Content-Range"), "/")
	if size, err = strconv.ParseInt(total, 10, 64); err != nil {
		return nil, 0, fmt.Errorf("range %s has no size: %q", want, res.Header.Get("Content-Range"))
	}
	data, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return data, size, err
}
