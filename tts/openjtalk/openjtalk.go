// Package openjtalk speaks Japanese, kanji included, with open_jtalk, run as a
// child process. It needs a dictionary (Debian: open-jtalk-mecab-naist-jdic) and
// an HTS voice, which Debian does not have.
package openjtalk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
)

// Config sets up the engine. The zero value works where everything is at its
// usual place.
type Config struct {
	// Program defaults to open_jtalk.
	Program string
	// Voice is an *.htsvoice file; empty: the first one found in VoiceDirs.
	Voice string
	// Dictionary is the folder of naist-jdic; empty: the first one found.
	Dictionary string
	// Timeout bounds one sentence. Defaults to 10 s.
	Timeout time.Duration
	// Parallel bounds the processes. Defaults to two for each processor.
	Parallel int
}

// VoiceDirs are searched for voices, in order, their sub-folders too.
var VoiceDirs = []string{"/usr/local/share/hts-voice", "/usr/share/hts-voice", "/opt/homebrew/share/hts-voice", "/usr/local/opt/open-jtalk/voice"}

// dictionaries are the usual places of the dictionary.
var dictionaries = []string{"/var/lib/mecab/dic/open-jtalk/naist-jdic", "/usr/local/share/open_jtalk/dic", "/usr/share/open_jtalk/dic",
	"/opt/homebrew/opt/open-jtalk/dic", "/usr/local/opt/open-jtalk/dic"}

// Engine is open_jtalk.
type Engine struct {
	cfg     Config
	program *tts.Program

	mu     sync.Mutex
	hashed string // voice file of sum
	sum    string
}

var _ tts.Engine = (*Engine)(nil)

// New makes the engine; it starts nothing and may be unavailable (see Check).
func New(cfg Config) *Engine {
	cfg.Program = cmp.Or(cfg.Program, "open_jtalk")
	return &Engine{cfg: cfg, program: tts.NewProgram(cfg.Program, cfg.Parallel, cfg.Timeout)}
}

// Name implements tts.Engine.
func (e *Engine) Name() string { return "open_jtalk" }

// Voice implements tts.Engine: the voice file's name and a part of its hash.
func (e *Engine) Voice(language string) string {
	path := e.voice()
	if path == "" || !japanese(language) {
		return ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hashed != path {
		b, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		sum := sha256.Sum256(b)
		e.hashed, e.sum = path, hex.EncodeToString(sum[:4])
	}
	return strings.TrimSuffix(filepath.Base(path), ".htsvoice") + "-" + e.sum
}

func japanese(language string) bool {
	return language == "ja" || strings.HasPrefix(language, "ja-") || strings.HasPrefix(language, "ja_")
}

// voice is the voice file, or empty.
func (e *Engine) voice() string {
	if e.cfg.Voice != "" {
		if _, err := os.Stat(e.cfg.Voice); err != nil {
			return ""
		}
		return e.cfg.Voice
	}
	for _, dir := range VoiceDirs {
		for _, pattern := range []string{"*.htsvoice", "*/*.htsvoice"} {
			if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
				return found[0]
			}
		}
	}
	return ""
}

func (e *Engine) dictionary() string {
	places := dictionaries
	if e.cfg.Dictionary != "" {
		places = []string{e.cfg.Dictionary}
	}
	for _, dir := range places {
		if _, err := os.Stat(filepath.Join(dir, "sys.dic")); err == nil {
			return dir
		}
	}
	return ""
}

// Check implements tts.Engine.
func (e *Engine) Check(language string) error {
	if !japanese(language) {
		return &tts.VoiceError{Language: language, Engine: e.Name()}
	}
	missing := &tts.VoiceError{Language: language, Engine: e.Name()}
	if _, err := exec.LookPath(e.cfg.Program); err != nil {
		missing.Install = tts.InstallJapanese
	} else if e.dictionary() == "" {
		missing.Install = "its dictionary (apt-get install open-jtalk-mecab-naist-jdic, or tts.japanese_dict)"
	} else if e.voice() == "" {
		missing.Install = "an HTS voice (*.htsvoice in " + VoiceDirs[1] + ", or tts.japanese_voice)"
	} else {
		return nil
	}
	return missing
}

// Synthesize implements tts.Engine. Request.Voice, when set, is a voice file.
func (e *Engine) Synthesize(ctx context.Context, req tts.Request) (tts.Audio, error) {
	if err := e.Check(req.Language); err != nil {
		return nil, err
	}
	if len(req.Text) > tts.MaxText {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", tts.ErrTooLong, len(req.Text), tts.MaxText)
	}
	voice, dictionary := cmp.Or(req.Voice, e.voice()), e.dictionary()
	rate := cmp.Or(req.Rate, media.Rate8k)
	return tts.NewSentences(ctx, req.Text, func(ctx context.Context, sentence string) ([]int16, error) {
		// -g: volume in dB; open_jtalk reads one line.
		return e.program.Run(ctx, sentence+"\n", rate, "-x", dictionary, "-m", voice, "-g", "-4", "-ow", "/dev/stdout")
	}), nil
}
