package preflight

import "fmt"

// scope says what was looked at and what was not, so that a report without
// findings claims no more than it knows.
func scope(inputs []Input, o Options) (checked, not []string) {
	checked = append(checked,
		"signatures of every executable and architecture, up to the pinned roots",
		"entitlements, in both forms, against the profile of the bundle that could allow them",
		"profiles: signature, dates, team, App ID, certificate, devices",
		"hashes of Info.plist, CodeResources, profile and nested code")
	not = append(not, "whether macOS starts each program: only a launch on a Mac that no management profile loosens shows that")
	if whole(inputs) {
		checked = append(checked, "every page of code and every sealed file against its hash")
	} else {
		not = append(not, "pages of code and contents of sealed files (--verify-pages reads them)")
	}
	if o.Group != "" || o.Team != "" {
		checked = append(checked, fmt.Sprintf("expected team %s and group %s", orNone(o.Team), orNone(o.Group)))
	} else {
		not = append(not, "whether these are the team and the group that the family wants (--expect-team, --expect-group)")
	}
	if o.Against != nil {
		checked = append(checked, "identity, groups and requirements against "+o.Against.Name)
	} else {
		not = append(not, "differences from the installed build (--against)")
	}
	return checked, append(not,
		"the way from the installed build to this one through the real updater",
		"whether certificates or the notarization ticket have been revoked: that needs Apple's servers",
		"the signature of an installer package itself, and of a disk image",
		"programs that are fetched or unpacked after the installation")
}

func whole(inputs []Input) bool {
	for _, in := range inputs {
		if !in.Whole {
			return false
		}
	}
	return len(inputs) > 0
}
