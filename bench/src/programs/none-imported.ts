// What an ES module takes that does nothing: beside ten-imported.ts.
console.log(process.resourceUsage().maxRSS);

export {};
