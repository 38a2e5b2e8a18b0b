package app

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/openhotline/hotline/bot/cache"
	"github.com/openhotline/hotline/bot/nlu"
)

// userModels keeps trained models in the user's cache folder, for commands that
// have no data folder. Without such a folder models are trained each time, and
// errs is told so.
func userModels(errs io.Writer) *nlu.Store {
	dir, err := os.UserCacheDir()
	var folder *cache.Folder
	if err == nil {
		folder, err = cache.Open(filepath.Join(dir, "hotline", "models"), 0, slog.New(slog.NewTextHandler(errs, nil)))
	}
	if err != nil {
		fmt.Fprintln(errs, "models are trained each time:", err)
	}
	return nlu.NewStore(folder)
}
