"""What benchmarks of whole runs share: vendors in a process of their own, manifests, and a measured command."""
