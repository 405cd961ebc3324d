"""What the system tells of this process's memory."""

PEAK = "/proc/self/clear_refs"  # 5 written there makes VmHWM begin anew: proc(5)


def reset_peak():
    """Forget the peak so far: what prepares a measurement may take more than it."""
    with open(PEAK, "w") as file:
        file.write("5")


def bytes_of(name):
    """Bytes of an entry of /proc/self/status, "VmRSS" for instance."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status does not tell {name}")
