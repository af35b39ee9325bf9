/** The CPUs of a list as the kernel writes it, e.g. "0-3,8". */
export function parseCpuList(list: string): number[] {
  return list
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first = "", last = first] = part.split("-");
      const start = Number.parseInt(first, 10);
      return Array.from({ length: Number.parseInt(last, 10) - start + 1 }, (_, index) => start + index);
    });
}
