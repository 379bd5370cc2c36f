// Command argolint lints workflow manifests with Argo's own validator, strictly: a field that Argo does not know is an
// error too. It prints one line a file and leaves with status 1 if any file fails.
package main

import (
	"fmt"
	"os"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
)

// maxSize is what a cluster's etcd takes of one object with the default request limit, less room for its status.
const maxSize = 1 << 20

func lint(path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(body) > maxSize {
		return fmt.Errorf("%d bytes, more than the %d that a cluster takes", len(body), maxSize)
	}
	workflows, err := common.SplitWorkflowYAMLFile(body, true)
	if err != nil {
		return err
	}
	if len(workflows) != 1 {
		return fmt.Errorf("%d workflows, want 1", len(workflows))
	}
	workflow := workflows[0]
	if got, want := workflow.APIVersion, wfv1.SchemeGroupVersion.String(); got != want {
		return fmt.Errorf("apiVersion %q, want %q", got, want)
	}
	// Manifests stand alone, so there are no templates elsewhere to look up. Lint is what `argo lint` and the upload of
	// the Pipelines backend ask for; Submit is what the server asks for when the workflow is submitted.
	for _, options := range []validate.ValidateOpts{{Lint: true}, {Submit: true}} {
		if err := validate.ValidateWorkflow(nil, nil, workflow.DeepCopy(), nil, options); err != nil {
			return fmt.Errorf("%+v: %w", options, err)
		}
	}
	return nil
}

func main() {
	status := 0
	for _, path := range os.Args[1:] {
		if err := lint(path); err != nil {
			fmt.Printf("FAIL %s: %v\n", path, err)
			status = 1
			continue
		}
		fmt.Printf("ok %s\n", path)
	}
	os.Exit(status)
}
