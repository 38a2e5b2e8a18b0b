package asrtest

import (
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/asr"
)

func TestCheckEvents(t *testing.T) {
	event := func(kind asr.EventKind, utterance int, at time.Duration) asr.Event {
		return asr.Event{Kind: kind, Utterance: utterance, At: at * time.Millisecond}
	}
	good := []asr.Event{
		event(asr.SpeechStart, 1, 100), event(asr.Partial, 1, 200), event(asr.Partial, 1, 300), event(asr.SpeechEnd, 1, 400), event(asr.Final, 1, 400),
		event(asr.SpeechStart, 2, 900), event(asr.SpeechEnd, 2, 1000), event(asr.Final, 2, 1000),
	}
	if err := CheckEvents(good); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		events []asr.Event
		want   string
	}{
		"no start":       {good[1:], "no utterance"},
		"no final":       {good[:4], "no final result"},
		"two starts":     {append(good[:2:2], good[5:]...), "has no final"},
		"final too soon": {append(good[:3:3], good[4:]...), "before the end"},
		"late partial":   {append(good[:4:4], event(asr.Partial, 1, 400)), "after the end"},
		"back in time":   {append(good[:5:5], event(asr.SpeechStart, 2, 100)), "after one at"},
		"wrong number":   {[]asr.Event{event(asr.SpeechStart, 2, 0)}, "of utterance 2"},
		"words":          {[]asr.Event{{Kind: asr.SpeechStart, Utterance: 1, Words: []asr.Word{{Start: 2, End: 1}}}}, "word 0"},
	} {
		if err := CheckEvents(c.events); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestNormal(t *testing.T) {
	if got := Normal("您好， Hello-World 12！"); got != "您好helloworld12" {
		t.Error(got)
	}
}
