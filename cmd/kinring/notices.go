package main

import (
	"github.com/kinring/kinring"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// meanings say in words for a person what a notice tells.
var meanings = map[coexist.NoticeKind]string{
	coexist.NoticeBackfillFailed:  "an older build's value was used, and could not be copied into the shared store",
	coexist.NoticeOlderWrote:      "an older build wrote since, and its value was not taken over",
	coexist.NoticeDiverged:        "an older build and a new one both wrote since they last agreed; see status",
	coexist.NoticeOlderSignedOut:  "an older build signed out",
	coexist.NoticeUnverified:      "the shared store is out of reach, and may have a newer value",
	coexist.NoticeFallback:        "the shared store failed, and an older build's value was used",
	coexist.NoticeLookFailed:      "an older build's store could not be compared, and may have a newer value",
	coexist.NoticeFinishFailed:    "the deletion is done, but not noted in full; delete again to finish",
	coexist.NoticeMirrorFailed:    "an older build could not be given the new value",
	coexist.NoticeMigrationFailed: "some keys could not be migrated; see status",
	coexist.NoticeUnshared:        "there is no shared store, so older builds' stores are used",
	coexist.NoticeInterrupted:     "an update before this one did not end, and may have used the value up",
	kinring.NoticeStandIn:         "it is used in place of the shared store",
}

// tell passes on what a person should know and a script may ignore.
func (a *app) tell(n kinring.Notice) {
	switch n.Kind {
	case coexist.NoticeBackfilled, coexist.NoticeAdopted, coexist.NoticeFastForwarded:
		return // that is what get is for
	}
	text := string(n.Kind)
	if n.Key != (store.Key{}) {
		text = n.Key.Redacted() + ": " + text
	}
	if n.Source != "" {
		text += " (" + n.Source + ")"
	}
	if meaning := meanings[n.Kind]; meaning != "" {
		text += ": " + meaning
	}
	if n.Err != nil {
		text += ": " + n.Err.Error()
	}
	a.notice("%s", oneLine(text))
}
