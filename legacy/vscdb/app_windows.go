package vscdb

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

// alive reports whether a process runs and may have written a file at that time:
// one that began later only got the same number. A process that may not be
// looked at counts.
func alive(pid int, wrote time.Time) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return !errors.Is(err, windows.ERROR_INVALID_PARAMETER) // the error for a number that no process has
	}
	defer windows.CloseHandle(h)
	if state, err := windows.WaitForSingleObject(h, 0); err == nil && state == windows.WAIT_OBJECT_0 {
		return false
	}
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &began, &ended, &kernel, &user); err != nil {
		return true
	}
	return !time.Unix(0, began.Nanoseconds()).After(wrote.Add(startSlack))
}

// startSlack is how far a process's start and a file's time may be apart by the
// coarseness of both and a clock that was set.
const startSlack = 5 * time.Second

// pipes is the folder of all named pipes.
const pipes = `\\.\pipe\`

// answering goes by the app's main pipe: it is there as long as the app is. Its
// name holds the version, so any will do.
func (a app) answering(context.Context) string {
	names, err := pipeNames()
	if err != nil {
		return "" // code.lock was looked at before
	}
	for _, name := range names {
		if strings.HasPrefix(name, a.scope()+"-") && strings.HasSuffix(name, "-main-sock") {
			return "the app's pipe " + name + " is there"
		}
	}
	return ""
}

// pipeNames lists the names of all pipes. It asks as for files of that folder,
// which Windows answers for pipes too; package os asks in ways that come and go
// with its versions.
func pipeNames() (names []string, err error) {
	pattern, err := windows.UTF16PtrFromString(pipes + "*")
	if err != nil {
		return nil, err
	}
	var found windows.Win32finddata
	search, err := windows.FindFirstFile(pattern, &found)
	if err != nil {
		return nil, err
	}
	defer windows.FindClose(search)
	for err == nil {
		names = append(names, windows.UTF16ToString(found.FileName[:]))
		err = windows.FindNextFile(search, &found)
	}
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		err = nil
	}
	return names, err
}
