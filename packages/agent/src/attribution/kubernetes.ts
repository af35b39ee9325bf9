// In the bundle this is a file of its own (bundle.ts): the client takes 50 MiB and is loaded where it is used.
export { addressBook, kubernetesSource } from "@tcptracker/containers/kubernetes";
