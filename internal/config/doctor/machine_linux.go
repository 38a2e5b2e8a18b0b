package doctor

import "golang.org/x/sys/unix"

// FreeBytes is the room for this user on a folder's disk.
func FreeBytes(dir string) (uint64, bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}

// maxFiles is how many files this process may have open.
func maxFiles() (uint64, bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return l.Max, true // Go raises the soft limit to it
}

// clockSynced asks the kernel whether something keeps the clock right.
func clockSynced() (synced, known bool) {
	var tx unix.Timex
	if _, err := unix.Adjtimex(&tx); err != nil {
		return false, false // not permitted in some containers
	}
	return tx.Status&unix.STA_UNSYNC == 0, true
}
