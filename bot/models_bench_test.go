//go:build unix

package bot

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/bot/cache"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// What all packs in all languages may take, docs/nlu.md.
const (
	coldLimit   = 60 * time.Second // on two cores
	loadedLimit = time.Second      // on one core
	memoryLimit = 150e6
	turnLimit   = 5 * time.Millisecond // 99th percentile, on one core
)

// BenchmarkAllPacks makes all packs in all languages from nothing, loads them
// from the cache, and takes turns in each. Limits are held to processor time,
// which other work on the machine does not change much.
func BenchmarkAllPacks(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		start, cpu := time.Now(), processorTime(b)
		allEngines(b, dir)
		wall, used := time.Since(start), processorTime(b)-cpu
		b.Logf("from cold: %.1f s, %.1f s of processor time", wall.Seconds(), used.Seconds())
		check(b, "training, half of the processor time", used/2, coldLimit)

		runtime.GOMAXPROCS(1)
		before := heapInUse()
		start, cpu = time.Now(), processorTime(b)
		engines := allEngines(b, dir)
		wall, used = time.Since(start), processorTime(b)-cpu
		memory := heapInUse() - before
		b.Logf("from the cache on one core: %.2f s, %.2f s of processor time", wall.Seconds(), used.Seconds())
		check(b, "loading", used, loadedLimit)
		if memory > memoryLimit {
			b.Errorf("memory is %d MB, at most %d are wanted", memory/1e6, int(memoryLimit/1e6))
		}
		b.Logf("%.1f MB in memory, %.1f MB in files", float64(memory)/1e6, float64(folderSize(b, dir))/1e6)

		took := turns(b, engines)
		b.Logf("turn on one core: median %v, 99th percentile %v of processor time, %d turns", took[len(took)/2], took[len(took)*99/100], len(took))
		check(b, "turn", took[len(took)*99/100], turnLimit)
		runtime.GOMAXPROCS(runtime.NumCPU())
		runtime.KeepAlive(engines)
	}
}

func check(b *testing.B, what string, took, limit time.Duration) {
	b.Helper()
	if took > limit {
		b.Errorf("%s took %v, at most %v are wanted", what, took, limit)
	}
}

// allEngines makes all packs ready in all languages.
func allEngines(b *testing.B, dir string) []*Engine {
	b.Helper()
	folder, err := cache.Open(dir, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	models := nlu.NewStore(folder)
	var out []*Engine
	for _, name := range pack.Names() {
		e, err := New(Config{Pack: name, Models: models})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Warm(b.Context(), pack.Languages...); err != nil {
			b.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// turns takes first turns with every twentieth utterance of each pack and
// language and returns their processor times, sorted.
func turns(b *testing.B, engines []*Engine) []time.Duration {
	b.Helper()
	var took []time.Duration
	for _, e := range engines {
		for _, l := range pack.Languages {
			p, err := pack.Load(e.cfg.Pack, l)
			if err != nil {
				b.Fatal(err)
			}
			for i, text := range background(p) {
				if i%20 != 0 {
					continue
				}
				start := processorTime(b)
				if _, err := e.Turn(b.Context(), State{Language: l}, text); err != nil {
					b.Fatal(err)
				}
				took = append(took, processorTime(b)-start)
			}
		}
	}
	slices.Sort(took)
	return took
}

func folderSize(b *testing.B, dir string) (size int64) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

func heapInUse() int {
	runtime.GC()
	runtime.GC() // what the first one only marked for cleaning up
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
