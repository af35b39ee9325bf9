import { expect, test } from "vitest";
import { compareReleases, KERNELS, newestPackage, type Kernel } from "./kernels.ts";

function kernel(name: string): Kernel {
  const found = KERNELS.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

test("releases are compared by number", () => {
  const releases = ["6.12.101+deb12", "7.0.4+deb13", "6.12.94+deb12", "6.9.1+deb13"];
  expect(releases.sort(compareReleases)).toEqual([
    "6.9.1+deb13",
    "6.12.94+deb12",
    "6.12.101+deb12",
    "7.0.4+deb13",
  ]);
});

test("the newest cloud kernel of the series and the architecture is taken", () => {
  const packages = [
    "linux-image-6.12.94+deb13-cloud-amd64",
    "linux-image-6.12.101+deb12-cloud-amd64",
    "linux-image-6.12.117+deb12-cloud-amd64",
    "linux-image-6.12.118+deb12-cloud-arm64",
    "linux-image-6.12.119+deb12-amd64",
    "linux-image-6.12-cloud-amd64",
    "linux-headers-6.12.120+deb12-cloud-amd64",
  ];
  expect(newestPackage(kernel("6.12"), "amd64", packages)).toEqual({
    package: "linux-image-6.12.117+deb12-cloud-amd64",
    release: "6.12.117+deb12-cloud-amd64",
  });
  expect(newestPackage(kernel("6.18"), "amd64", packages)).toBeUndefined();
});

test("from 6.19 on the image is in linux-binary", () => {
  const packages = ["linux-image-7.3.4+deb13-cloud-arm64", "linux-binary-7.3.4+deb13-cloud-arm64"];
  expect(newestPackage(kernel("newest"), "arm64", packages)?.package).toBe(
    "linux-binary-7.3.4+deb13-cloud-arm64",
  );
});
