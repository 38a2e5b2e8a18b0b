// Package sounds has the sounds that ship, embedded: hold music and a beep made
// by our own generator, and Japanese recordings of all system prompts, of the
// demo's texts, and of the pieces that announcements are composed of, for
// installations without a Japanese voice.
// NOTICE names the voice they were made with; `go run ./ivr/sounds/render`
// makes all of them anew.
package sounds

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed *.wav ja NOTICE
var files embed.FS

// recordings maps a language and a text to the file that says it.
var recordings = readIndex()

func readIndex() map[string]map[string]string {
	out := make(map[string]map[string]string)
	dirs, err := fs.Glob(files, "*/index.json")
	if err != nil {
		panic(fmt.Sprintf("sounds: %v", err)) // the pattern is constant
	}
	for _, file := range dirs {
		b, err := files.ReadFile(file)
		if err != nil {
			panic(fmt.Sprintf("sounds: %v", err)) // embedded
		}
		index := make(map[string]string)
		if err := json.Unmarshal(b, &index); err != nil {
			panic(fmt.Sprintf("sounds: %s: %v", file, err)) // embedded
		}
		out[path.Dir(file)] = index
	}
	return out
}

// Named returns the WAV file of a sound by name (music, beep), preferring the
// language's own. ok is false when there is none.
func Named(name, language string) (wav []byte, ok bool) {
	if strings.ContainsAny(name, "/\\") {
		return nil, false
	}
	base, _, _ := strings.Cut(language, "-")
	for _, file := range []string{path.Join(base, name+".wav"), name + ".wav"} {
		if b, err := files.ReadFile(file); err == nil {
			return b, true
		}
	}
	return nil, false
}

// Recording returns the WAV file that says exactly a text.
func Recording(text, language string) (wav []byte, ok bool) {
	base, _, _ := strings.Cut(language, "-")
	name, ok := recordings[base][strings.TrimSpace(text)]
	if !ok {
		return nil, false
	}
	b, err := files.ReadFile(path.Join(base, name))
	return b, err == nil
}

// Recorded reports whether there are recordings in a language.
func Recorded(language string) bool {
	base, _, _ := strings.Cut(language, "-")
	return len(recordings[base]) > 0
}

// Notice is the attribution of the voices used.
func Notice() string {
	b, err := files.ReadFile("NOTICE")
	if err != nil {
		return ""
	}
	return string(b)
}
