package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const migrateLong = `Copy everything that the older builds' stores hold into the shared store, and
read each key back. It may be stopped at any point and run again, also by several
programs at once; no older build's store is changed.

Exit code 8 says that some keys could not be migrated; status names them.`

// migrateDocument is kinring.migrate/1.
type migrateDocument struct {
	Schema string `json:"schema"`
	DryRun bool   `json:"dry_run"`
	migrationJSON
}

type migrationJSON struct {
	Total    int          `json:"total"`
	Done     int          `json:"done"`
	Verified int          `json:"verified"`
	Complete bool         `json:"complete"`
	Failed   []failedJSON `json:"failed"`
}

type failedJSON struct {
	Key   string `json:"key"`
	Error string `json:"error"`
}

func (a *app) migrateCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Copy what older builds hold into the shared store",
		Long:  migrateLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.timeout == 0 {
				a.timeout = time.Hour
			}
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.migrate(ctx, ring, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be copied")
	return cmd
}

func (a *app) migrate(ctx context.Context, ring *kinring.Ring, dryRun bool) error {
	var p kinring.Progress
	var err error
	if dryRun {
		p, err = ring.MigrateDryRun(ctx)
	} else {
		bar := a.progressBar()
		p, err = ring.Migrate(ctx, func(p kinring.Progress) { bar(p.Done+len(p.Failed), p.Total) })
	}
	if err != nil && !errors.Is(err, kinring.ErrPartial) {
		return err
	}
	if a.json {
		return errors.Join(a.printJSON(migrateDocument{"kinring.migrate/1", dryRun, migrationOf(ring, p)}), quiet(err))
	}
	_, printed := fmt.Fprintf(a.out, "%d keys, %d in the shared store, %d verified, %d failed\n", p.Total, p.Done, p.Verified, len(p.Failed))
	return errors.Join(printed, err)
}

func migrationOf(ring *kinring.Ring, p kinring.Progress) migrationJSON {
	m := migrationJSON{p.Total, p.Done, p.Verified, p.Complete, []failedJSON{}}
	for _, f := range p.Failed {
		m.Failed = append(m.Failed, failedJSON{ring.Family().KeyName(f.Key), f.Err.Error()})
	}
	return m
}

// progressBar returns what draws how far a run is, if somebody can see it.
func (a *app) progressBar() func(done, total int) {
	if !a.errTerminal {
		return func(int, int) {}
	}
	const width = 40
	last := -1
	return func(done, total int) {
		if total == 0 || done*100/total == last {
			return
		}
		last = done * 100 / total
		bar := fmt.Sprintf("%-*.*s", width, done*width/total, "########################################")
		fmt.Fprintf(a.err, "\r[%s] %d of %d", bar, done, total)
		if done == total {
			fmt.Fprintln(a.err)
		}
	}
}
