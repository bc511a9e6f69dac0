// The version of both programs. A test holds every package.json equal to it.

export const version = "0.1.0";
