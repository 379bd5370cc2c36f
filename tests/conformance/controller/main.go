// Command controller runs Argo's own workflow controller against the API server whose address it is given.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	wfclientset "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-workflows/v3/workflow/controller"
)

func run(address, namespace string) error {
	// The API server of the tests speaks JSON only.
	config := &rest.Config{Host: address, QPS: 500, Burst: 500, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	workflows, err := wfclientset.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	made, err := controller.NewWorkflowController(ctx, config, kube, workflows, namespace, namespace, "argoexec", "",
		"text", "workflow-controller-configmap", false)
	if err != nil {
		return err
	}
	made.Run(ctx, 4, 1, 1, 1, 1)
	return nil
}

func main() {
	// A workflow that waits for nothing is looked at again after this time.
	for name, value := range map[string]string{"LEADER_ELECTION_DISABLE": "true", "DEFAULT_REQUEUE_TIME": time.Second.String()} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
