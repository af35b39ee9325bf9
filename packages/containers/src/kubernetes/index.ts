/**
 * Pods from the Kubernetes API. Apart from the rest because the client takes memory and time to load.
 *
 * @packageDocumentation
 */
export { AddressBook, type AddressBookOptions } from "./address-book.ts";
export { addressBook, kubernetesSource, type KubernetesOptions } from "./config.ts";
export { KubernetesSource, type KubernetesSourceOptions } from "./kubernetes-source.ts";
