// Writes a vulnerability database that grype takes for its own, out of the advisories on standard input:
//
//	advisories FOLDER < advisories.json
//
// The real database comes from the internet, and says something else every day.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"
)

// An advisory is about every version of an npm package that is older than the one that fixes it.
type advisory struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Package  string `json:"package"`
	FixedIn  string `json:"fixedIn"`
}

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(folder string) error {
	var advisories []advisory
	if err := json.NewDecoder(os.Stdin).Decode(&advisories); err != nil {
		return err
	}
	store, err := v6.NewWriter(v6.Config{DBDirPath: folder, CacheSizeKiB: 1024})
	if err != nil {
		return err
	}
	if err := store.SetDBMetadata(); err != nil {
		return err
	}
	for _, each := range advisories {
		known := vulnerability(each)
		if err := store.AddVulnerabilities(known); err != nil {
			return err
		}
		if err := store.AddAffectedPackages(affected(each, known)); err != nil {
			return err
		}
	}
	if err := store.Close(); err != nil {
		return err
	}
	_, err = v6.WriteImportMetadata(afero.NewOsFs(), folder, "advisories")
	return err
}

func vulnerability(of advisory) *v6.VulnerabilityHandle {
	return &v6.VulnerabilityHandle{
		Name:       of.ID,
		Status:     v6.VulnerabilityActive,
		ProviderID: "github",
		Provider:   &v6.Provider{ID: "github", Version: "1"},
		BlobValue: &v6.VulnerabilityBlob{
			ID:         of.ID,
			Severities: []v6.Severity{{Scheme: v6.SeveritySchemeCHML, Value: of.Severity, Rank: 1}},
		},
	}
}

func affected(of advisory, known *v6.VulnerabilityHandle) *v6.AffectedPackageHandle {
	return &v6.AffectedPackageHandle{
		Vulnerability: known,
		Package:       &v6.Package{Ecosystem: "npm", Name: of.Package},
		BlobValue: &v6.PackageBlob{Ranges: []v6.Range{{
			Version: v6.Version{Type: "semver", Constraint: "< " + of.FixedIn},
			Fix:     &v6.Fix{Version: of.FixedIn, State: v6.FixedStatus},
		}}},
	}
}
