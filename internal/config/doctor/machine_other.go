//go:build !linux

package doctor

// FreeBytes is the room for this user on a folder's disk; unknown here.
func FreeBytes(string) (uint64, bool) { return 0, false }

func maxFiles() (uint64, bool) { return 0, false }

func clockSynced() (synced, known bool) { return false, false }
